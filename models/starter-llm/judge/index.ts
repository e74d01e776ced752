export { answersScene, answersSum, answersTopic, topics } from "./facts.ts";
export { type Question, questions, type Turn } from "./questions.ts";
