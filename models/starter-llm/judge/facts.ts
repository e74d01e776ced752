/** What an answer must say, topic by topic. The judge is no network: it looks for words. */

/** All of a topic's have to be there. An answer that has all of another topic's answers another question. */
const facts: Readonly<Record<string, readonly RegExp[]>> = {
  rivulet: [/network/, /sell/, /buy/],
  gateway: [/gateway/, /takes requests/, /pays/],
  orchestrator: [/sells work/, /prices/, /jobs/],
  runner: [/program/, /holds models/, /result/],
  worker: [/machine/, /does jobs/, /secret/],
  ticket: [/lottery/, /pay/, /few/],
  winner: [/ticket that has won/, /prize/],
  redeem: [/to redeem/, /contract/, /prize/],
  deposit: [/money/, /put on the chain/, /winners are paid from it/],
  reserve: [/locks up/, /deposit is empty/],
  warm: [/in memory already/, /at once/],
  cold: [/not in memory/, /takes time/],
  pipeline: [/kind of work/],
  pipelines: [/nine/, /text-to-image/, /audio-to-text/, /segment-anything-2/, /llm/],
  start: [/npm start/, /node\.js/],
  start_gateway: [/npm run rivulet -- gateway/, /-orchaddr/],
  start_orchestrator: [/npm run rivulet -- orchestrator/, /-serviceaddr/, /-aimodels/],
  cost: [/costs nothing/, /sets its own price/],
  who: [/i am the starter language model/],
  can: [/^i can tell you about rivulet/, /sums/, /pictures/],
  hello: [/^hello!/],
  thanks: [/you are welcome/],
  bye: [/^goodbye/],
  how: [/i am well/],
  ok: [/anything else/],
  "text-to-image": [/^text-to-image/, /makes a picture/, /prompt/],
  "image-to-image": [/^image-to-image/, /changes a picture/],
  "image-to-video": [/^image-to-video/, /video from a picture/],
  upscale: [/^upscale/, /larger/],
  "audio-to-text": [/^audio-to-text/, /writes down/],
  "segment-anything-2": [/^segment-anything-2/, /outline/],
  "image-to-text": [/^image-to-text/, /says what is in a picture/],
  "text-to-speech": [/^text-to-speech/, /aloud/],
  llm: [/^llm/, /language model/],
  gpu: [/no gpu is needed/],
  need: [/node\.js 20/, /nothing else/],
  payment: [/tickets/, /with each job/, /redeems/],
  who_pays: [/gateway pays the orchestrator/, /deposit/],
  application: [/application is a program/, /http/],
  call: [/http request to the gateway/],
  own_model: [/models\/export/, /aimodels\.json/],
  starter: [/tiny model/, /without downloads/],
  licence: [/mit licence/],
  livepeer: [/livepeer is the network/, /implementation/],
  chain: [/arbitrum one/, /local chain/],
  difference: [/gateway buys/, /orchestrator sells/],
  roles: [/four/, /gateway/, /orchestrator/, /worker/, /runner/],
  unknown: [/i do not know that/],
  too_big: [/too big/],
  no_division: [/cannot divide/],
};

export const topics: readonly string[] = Object.keys(facts);

/** Whether `text` says what is true of the topic, and does not answer another question. */
export function answersTopic(topic: string, text: string): boolean {
  const said = text.toLowerCase();
  const saysAll = (name: string) => (facts[name] ?? []).every((fact) => fact.test(said));
  return facts[topic] !== undefined && saysAll(topic) && !topics.some((other) => other !== topic && saysAll(other));
}

/** Whether the one number that `text` comes to is `value`. */
export function answersSum(value: number, text: string): boolean {
  const [, told] = /^[^=]*=\s*(-?\d+)\.?$/.exec(text.trim()) ?? [];
  return told !== undefined && Number(told) === value;
}

const WORDS = {
  colours: "red|orange|yellow|green|blue|purple|white|black",
  shapes: "circle|square|triangle|diamond|star|cross",
  sizes: "small|medium|large",
} as const;
const THING = `an? (?:${WORDS.colours}) (?:${WORDS.shapes})`;
const PLACE = "(?: on the left| on the right| at the top| at the bottom)?";
const CAPTION = new RegExp(
  `^(?:an? (?:${WORDS.sizes}) (?:${WORDS.colours}) (?:${WORDS.shapes})${PLACE}|${THING} (?:left of|above) ${THING}) on an? (?:${WORDS.colours}) background$`,
);

/**
 * Whether `text` describes a picture as the starter model that draws reads it, with all the words that were asked for, and
 * nothing in the colour of what is behind it.
 */
export function answersScene(wanted: readonly string[], text: string): boolean {
  const caption = text.trim();
  const colours = caption.match(new RegExp(`\\b(?:${WORDS.colours})\\b`, "g")) ?? [];
  const isSeen = !colours.slice(0, -1).includes(colours.at(-1) ?? "");
  return CAPTION.test(caption) && isSeen && wanted.every((words) => caption.includes(words));
}
