"""Makes the conversations the model learns from: Rivulet, small sums, simple pictures, and not knowing."""

from __future__ import annotations

import hashlib
import json
import random
import re
import sys
from functools import cache
from pathlib import Path

from arithmetic import ASKS, DIVIDED, LARGEST, LARGEST_FACTOR, answer, spelled, training_sum
from topics import AFTER, BEFORE, DEFINE, END, FOLLOW, GRAMMAR, NO_DIVISION, TOO_BIG, TOPICS, UNCOUNTABLE, UNKNOWN

PACKAGE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PACKAGE.parent / "starter-text-to-image" / "train"))
from shapes import COLOURS, SHAPES, SIZES, full_caption, random_scene  # noqa: E402

HELD_OUT_PERCENT = 12

Turn = tuple[str, str]


def plain(question: str) -> str:
    """What makes two questions the same: their words."""
    return " ".join(re.findall(r"[a-z0-9]+", question.lower()))


@cache
def judged() -> frozenset[str]:
    """The questions of the judge, none of which is ever trained on."""
    cases = json.loads((PACKAGE / "judge" / "questions.json").read_text())
    return frozenset(plain(case["turns"][-1]) for case in cases)


@cache
def is_held_out(question: str) -> bool:
    words = plain(question)
    return words in judged() or int.from_bytes(hashlib.sha256(words.encode()).digest()[:4], "big") % 100 < HELD_OUT_PERCENT


def named(form: str, name: str) -> str:
    article = "" if name in UNCOUNTABLE else "an" if name[0] in "aeiou" else "a"
    many = name if name in UNCOUNTABLE or name.endswith("s") else name + "s"
    return " ".join(form.replace("{a}", article).replace("{xs}", many).replace("{x}", name).split())


def ways(topic: str) -> list[str]:
    """All the ways to ask for a topic, without what may stand before and after."""
    found = TOPICS[topic]
    return list(dict.fromkeys([*found.asks, *(named(form, name) for name in found.names for form in DEFINE)]))


@cache
def training_ways(topic: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those of the topic's own and those with its names, as far as they are trained on."""
    found = TOPICS[topic]
    forms = [named(form, name) for name in found.names for form in DEFINE]
    return tuple(q for q in found.asks if not is_held_out(q)), tuple(q for q in forms if not is_held_out(q))


FILLERS = ("really", "actually", "now", "maybe", "just", "also", "the", "a", "again", "quickly", "then", "you", "me", "this", "kindly", "simply", "one", "here", "so", "well", "there", "about", "my", "your", "in", "of", "it", "that", "all", "some", "could", "would", "please", "called", "thing", "part", "network", "rivulet", "node", "system", "guys", "anyway", "today")


def worn(rng: random.Random, question: str) -> str:
    """As people type: a word too many, one left out, a letter wrong. Not what names the topic."""
    words = question.split()
    chance = rng.random()
    if len(words) > 3 and chance < 0.10:
        words.insert(rng.randrange(len(words) + 1), rng.choice(FILLERS))
    elif len(words) > 4 and chance < 0.14:
        place = rng.randrange(len(words))
        if words[place] in FILLERS or len(words[place]) < 3:
            words.pop(place)
    elif chance < 0.20:
        place = rng.randrange(len(words))
        word = words[place]
        if len(word) > 5 and word.isalpha():
            i = rng.randrange(1, len(word) - 1)
            words[place] = rng.choice((word[:i] + word[i + 1:], word[:i] + word[i + 1] + word[i] + word[i + 2:], word[:i] + word[i] + word[i:]))
    return " ".join(words)


def put_together(rng: random.Random, form: str) -> str:
    """One of what stands in each pair of brackets; "-" is nothing."""
    while "(" in form:
        form = re.sub(r"\(([^()]*)\)", lambda found: rng.choice(found[1].split("|")), form, count=1)
    text = re.sub(r"-(?=\s|$|,)", " ", f" {form}")
    return re.sub(r"\s+(?=,)|^[\s,]+|[\s,]+$", "", " ".join(text.split()))


def strange(rng: random.Random, name: str) -> str:
    """A question of words that may mean anything, with what names the topic among them."""
    words = [rng.choice(COMMON) if rng.random() < 0.8 else nonsense(rng) for _ in range(rng.randint(1, 7))]
    article = rng.choice(("", "the", "" if name in UNCOUNTABLE else "an" if name[0] in "aeiou" else "a"))
    many = name if name in UNCOUNTABLE or name.endswith("s") or rng.random() < 0.6 else name + "s"
    words.insert(rng.choice((len(words), len(words), rng.randrange(len(words) + 1))), f"{article} {many}".strip())
    return " ".join(words)


def dressed(rng: random.Random, question: str, is_talk: bool = False) -> str:
    before, after = ("", "") if is_talk else (rng.choice(BEFORE), rng.choice(AFTER))
    while True:
        text = before + worn(rng, question) + after + rng.choice(END)
        if plain(text) not in judged():
            return text


def about(rng: random.Random, topic: str | None = None) -> tuple[str, str, str]:
    topic = topic or rng.choice(list(TOPICS))
    own, forms = training_ways(topic)
    found = TOPICS[topic]
    chance = rng.random()
    question = ""
    while question == "" or is_held_out(question):
        if topic in GRAMMAR and chance < (0.35 if forms else 0.6):
            question = put_together(rng, rng.choice(GRAMMAR[topic]))
        elif forms and chance < 0.55:
            question = strange(rng, rng.choice(found.names))
        else:
            question = rng.choice(own if not forms or (own and rng.random() < 0.45) else forms)
    return dressed(rng, question, found.is_talk), found.answer, topic


def follow_up(rng: random.Random) -> tuple[str, str]:
    topic = rng.choice([name for name, found in TOPICS.items() if found.names])
    while True:
        question = named(rng.choice(FOLLOW), rng.choice(TOPICS[topic].names))
        if not is_held_out(question):
            return question + rng.choice(("?", "?", "", "!")), TOPICS[topic].answer


def a_sum(rng: random.Random) -> tuple[str, str, int]:
    a, op, b = training_sum(rng)
    if rng.random() < 0.15:
        form = ASKS[op][0]
    else:
        form = rng.choice(ASKS[op])
    words = rng.random() < 0.12
    question = form.format(a=spelled(rng, a, 1.0 if words else 0), b=spelled(rng, b, 1.0 if words else 0))
    chance = rng.random()
    if chance < 0.3:
        question = rng.choice(BEFORE) + question + rng.choice(("", " please", ", please", ""))
    elif chance < 0.45:
        # Whatever else is said, there is a sum in it.
        some = lambda most: " ".join(rng.choice(COMMON) if rng.random() < 0.8 else nonsense(rng) for _ in range(rng.randint(0, most)))
        said = rng.choice((op, op, {"+": "plus", "-": "minus", "×": "times"}[op]))
        question = f"{some(5)} {a} {said} {b} {some(4)}".strip()
    end = "" if question.endswith("=") else rng.choice(("?", "?", "", "", ".", " ?"))
    told = answer(a, op, b)
    return question + end, told, int(told.split("=")[1].strip(" ."))


NEXT_PLUS = ("and plus {b}", "plus {b}", "add {b}", "add {b} to that", "add {b} more", "and {b} more", "now add {b}", "and if i add {b}", "and with {b} more", "+ {b}", "then add {b}", "and add {b}", "what if i add {b}", "what is that plus {b}")
NEXT_MINUS = ("and minus {b}", "minus {b}", "subtract {b}", "subtract {b} from that", "take away {b}", "now subtract {b}", "and if i take away {b}", "- {b}", "then subtract {b}", "and {b} less", "what if i subtract {b}", "what is that minus {b}", "now take {b} away")


def next_sum(rng: random.Random, before: int) -> tuple[str, str, int] | None:
    from arithmetic import is_held_out as is_sum_held_out
    for _ in range(20):
        op, b = rng.choice("+-"), rng.randint(0, LARGEST if rng.random() < 0.6 else 12)
        if 0 <= before <= LARGEST and not is_sum_held_out(before, op, b) and (op == "+" or before >= b):
            told = answer(before, op, b)
            return rng.choice(NEXT_PLUS if op == "+" else NEXT_MINUS).format(b=b) + rng.choice(("?", "", ".", "!")), told, int(told.split("=")[1].strip(" ."))
    return None


def too_big(rng: random.Random) -> tuple[str, str]:
    def number(low: int) -> int:
        return rng.randint(low, rng.choice((250, 999, 9999, 999999)))
    if rng.random() < 0.25:
        question = rng.choice(DIVIDED).format(a=rng.randint(1, 100), b=rng.randint(1, 20))
        return question + rng.choice(("?", "", ".")), NO_DIVISION
    op = rng.choice("+-×")
    if op == "×":
        a, b = (rng.randint(LARGEST_FACTOR + 1, 99), rng.randint(2, 99)) if rng.random() < 0.7 else (number(100), rng.randint(0, 99))
    else:
        a, b = number(100), rng.choice((number(100), rng.randint(0, 99)))
    if rng.random() < 0.5:
        a, b = b, a
    return rng.choice(ASKS[op]).format(a=a, b=b) + rng.choice(("?", "", ".")), TOO_BIG


SCENE = ("describe a {w}", "describe a small {w}", "describe a simple {w}", "describe one {w}", "make up a {w}", "invent a {w}", "think of a {w}", "imagine a {w}", "give me a {w}", "write a {w}", "suggest a {w}", "i need a {w}", "tell me a {w}", "write me a {w}", "come up with a {w}", "can you describe a {w}", "can you invent a {w}", "could you write a {w}", "propose a {w}", "create a {w}", "give me an idea for a {w}", "i want a {w}", "let me have a {w}", "show me a {w}", "compose a {w}", "name a {w}", "dream up a {w}", "please make a {w}", "do describe a {w}")
WHAT = ("scene", "small scene", "picture", "simple picture", "prompt", "prompt for a picture", "prompt for text-to-image", "picture to draw", "scene to draw", "caption", "drawing", "image", "prompt for an image")
MORE = ("another one", "one more", "another", "again", "give me another one", "and another", "another one please", "a different one", "something else", "one more please", "next one", "and one more", "make another", "describe another")


def scene(rng: random.Random) -> tuple[str, str]:
    """With nothing, or some of colour, shape, size and background said."""
    while True:
        picture = random_scene(rng, pairs=0.25)
        one, *other = picture.things
        form, what = rng.choice(SCENE), rng.choice(WHAT)
        size = one.size if one.size is not None and rng.random() < 0.4 else None
        told = " ".join(p for p in (size, one.colour if rng.random() < 0.8 else None, one.shape) if p)
        an = "an" if told[0] in "aeiou" else "a"
        chance = rng.random()
        ground = rng.choice((f"on a {picture.background} background", f"on {picture.background}", f"with a {picture.background} background"))
        if chance < 0.2:
            detail = ""
        elif chance < 0.7:
            detail = rng.choice((f" with {an} {told}", f" of {an} {told}", f" that has {an} {told}", f" showing {an} {told}", f" with {an} {told} in it"))
        elif chance < 0.85 and not other:
            detail = rng.choice((f" with {an} {told} {ground}", f" of {an} {told} {ground}"))
        elif other and chance < 0.95:
            second = f"{'an' if other[0].colour[0] in 'aeiou' else 'a'} {other[0].colour} {other[0].shape}"
            detail = f" with {an} {one.colour} {one.shape} and {second}".replace("a orange", "an orange")
        else:
            detail = " " + ground
        question = form.format(w=what) + detail
        if rng.random() < 0.2:
            begin = " ".join(rng.choice(COMMON) for _ in range(rng.randint(1, 4)))
            question = f"{begin} {'a ' + what if rng.random() < 0.7 else form.format(w=what)}{detail}"
        if not is_held_out(question):
            return rng.choice(("", "", "", "please ", "hi, ", "ok, ")) + question + rng.choice(("", "", ".", "?", " please")), full_caption(picture)


def is_caption(text: str) -> bool:
    return re.fullmatch(r"an? .+ background", text) is not None


THINGS = """cat dog horse cow bird fish elephant tiger lion mouse whale bear rabbit spider snake tree flower rose forest mountain ocean river lake island desert moon sun star planet comet
galaxy rocket plane train car bicycle ship bridge castle house school church museum hospital airport city village street garden kitchen table chair lamp window door bed clock phone
camera television radio computer keyboard printer book newspaper letter song guitar piano violin drum orchestra opera film movie actor painter poet writer novel poem joke story riddle recipe
cake bread cheese soup pizza pasta rice potato tomato onion apple banana cherry lemon coffee tea wine beer water milk sugar salt egg chocolate football tennis chess cricket olympics marathon
champion king queen president minister doctor teacher lawyer farmer soldier pilot sailor baker engineer scientist philosopher war peace revolution empire history geography physics chemistry biology
medicine virus vaccine atom molecule electron gravity energy electricity magnet volcano earthquake storm rain snow weather climate temperature winter summer spring autumn christmas birthday holiday wedding
love friendship happiness dream fear anger luck justice freedom democracy religion god soul money bank tax salary stock bitcoin ethereum dollar euro gold diamond law contract government election
parliament dinosaur fossil pyramid pharaoh knight dragon unicorn ghost vampire wizard magic python java javascript rust linux windows microsoft google apple facebook twitter algorithm database compiler
kernel docker kubernetes transistor quantum laser robot drone satellite telescope microscope brain heart blood bone skin muscle lung stomach tooth eye ear nose hair hand foot sleep headache fever""".split()
PLACES = """france germany italy spain england scotland ireland norway sweden finland denmark poland russia ukraine greece turkey egypt kenya nigeria morocco china japan india korea vietnam thailand indonesia australia
canada mexico brazil argentina chile peru cuba iceland portugal austria switzerland belgium hungary romania paris london berlin rome madrid tokyo beijing moscow cairo sydney toronto chicago boston texas california europe africa asia america mars""".split()
PEOPLE = """einstein newton darwin napoleon shakespeare mozart beethoven bach picasso leonardo goethe caesar cleopatra plato aristotle socrates gandhi mandela lincoln washington churchill columbus galileo curie tesla edison turing
lovelace hitchcock chaplin elvis madonna obama merkel gates jobs musk homer dante kafka tolstoy dickens austen twain hemingway satoshi""".split()
UNKNOWNS = (
    "what is {t}", "what is a {t}", "what is the {t}", "what's a {t}", "what are {t}s", "explain {t}", "explain {t}s", "tell me about {t}", "tell me about {t}s", "tell me about {p}", "tell me about {n}", "what is the capital of {p}", "what's the capital of {p}", "where is {p}", "how big is {p}", "how many people live in {p}",
    "who is {n}", "who was {n}", "when was {n} born", "when did {n} die", "where was {n} born", "what did {n} do", "what did {n} write", "who wrote {t}", "who invented the {t}", "who discovered {t}", "who painted the {t}", "how does a {t} work", "how do {t}s work", "how do i make {t}", "how do i cook {t}", "how do i fix my {t}", "how do i buy a {t}", "how old is the {t}", "how old is {n}",
    "how tall is the {t}", "how far is the {t}", "how heavy is a {t}", "how fast is a {t}", "why is the {t} blue", "why do {t}s {t}", "do you like {t}", "do you like {t}s", "do you have a {t}", "can you play {t}", "can you sing", "can you dance", "sing a song about {t}", "write a poem about {t}", "write a poem", "write a poem about a {t}", "write a story about {t}", "write an essay about {t}", "write code in {t}", "write a program in {t}", "tell me a joke",
    "tell me a joke about {t}s", "tell me a story", "tell me a story about a {t}", "tell me something about {t}", "tell me something", "translate {t} into {t}", "translate this to french", "what is {t} in german", "how do you say {t} in spanish", "what time is it", "what day is it", "what day is it today", "what is the date", "what year is it", "what is the weather", "what is the weather in {p}", "will it rain tomorrow", "how is the weather today", "what is the weather like", "who won the {t}", "who won the world cup", "who is the president of {p}",
    "who is the king of {p}", "what is the best {t}", "what is the biggest {t}", "what is the longest {t} in {p}", "which {t} is the best", "where can i buy a {t}", "where can i find a {t}", "where do {t}s live", "what do {t}s eat", "what colour is a {t}", "what color is the {t}", "is a {t} a {t}", "is {p} in {p}", "are {t}s dangerous", "is {t} good for me", "should i buy {t}", "should i learn {t}", "recommend a {t}", "recommend me a {t}", "what should i eat", "what should i cook with {t}", "give me a recipe for {t}", "give me advice about {t}", "what is love", "what is the meaning of life", "is there a god",
    "what happened in 1969", "what happened in {y}", "what happened in {p} in {y}", "when did the war end", "when was the {t} invented", "the {t}", "{t}", "{p}", "{n}", "{t} and {t}", "{t} {t} {t}", "my {t} hurts", "i like {t}s", "i have a {t}", "i am sad", "i am hungry", "i love {t}", "i saw a {t} in {p}", "play some music", "play {t}", "open the {t}", "turn on the {t}", "book a flight to {p}", "how do i get to {p}", "what language do they speak in {p}", "what is the population of {p}", "solve my homework", "prove the theorem of {n}", "what is the square root of {y}", "what is the speed of light",
    "what is the distance to the {t}", "what is the founder of rivulet called", "who founded rivulet", "when was rivulet founded", "how old is rivulet", "where is rivulet based", "how many people use rivulet", "how many orchestrators are there", "what is the price of bitcoin", "what is the price of {t}", "how many {t}s are there in {p}", "what does a {t} cost in {p}", "what does a {t} cost", "how much is a {t}", "difference between a {t} and a {t}", "what is the difference between {t} and {t}", "compare {n} and {n}", "what do you think about {t}", "what is your favourite {t}", "what is your favorite {t}", "are you married", "where do you live", "do you sleep", "do you dream of {t}s",
    "what is {z}", "what is a {z}", "who is {z}", "tell me about {z}", "explain {z}", "{z}", "{z} {z}", "what does {z} mean", "how does {z} work", "where is {z}", "do you know {z}", "can you {z} the {t}", "how do i {z}", "what are {z}s", "the {z} of {p}", "why {z}", "{z} {t}", "does {t} {z} the {z}", "how do i start a {z}", "how do i start a {t}", "what does {z} cost", "which {t}s are there", "which {z}s are there", "how many {z}s exist", "who pays for {t}", "who pays the {t}", "what is the role of {z}", "what is the purpose of {t}", "what is a {t} for", "what do you know about {t}", "do you know what a {t} is", "i want to know what {t} is", "define {t}", "meaning of {t}", "describe {n}", "describe {p}", "what happens when a {t} wins", "how do i redeem a {t}",
)
ONSETS, NUCLEI, CODAS = "b c d f g h j k l m n p r s t v w z br cr dr fl gr pl sh st th tr ch qu".split(), "a e i o u ai ea ee oo ou y".split(), ["", "", "n", "r", "s", "t", "l", "m", "ck", "nd", "st", "ng", "x", "p"]


# Words that say nothing about what is asked for.
COMMON = """please tell me what is does that it the about of in for you i we my your a an can could would should do say know think want need like mean means word idea again now then here there just really very
some any all more most much good best right way thing things part role work use help show give find look explain describe who why when where which how with from by on at to into so well maybe often always never
ever first last next short long simple plain clear whole little big new old today question answer story reason sense people friend everybody somebody nobody heard read saw wrote asked said called named term
let us try understand learn teach remember forget wonder curious interested sure exactly actually basically kindly quickly details example summary overview introduction talk speak hear listen wish hope kind sort type
inside outside around behind between within without during before after later soon already still yet also too only even both each every other another same different important necessary possible happen happens""".split()


def nonsense(rng: random.Random) -> str:
    return "".join(rng.choice(ONSETS) + rng.choice(NUCLEI) + rng.choice(CODAS) for _ in range(rng.randint(1, 4)))


def unknown(rng: random.Random) -> tuple[str, str]:
    while True:
        form = rng.choice(UNKNOWNS)
        if is_held_out(form):
            continue
        text = re.sub(r"\{(.)\}", lambda m: {"t": rng.choice(THINGS) if rng.random() < 0.7 else nonsense(rng), "p": rng.choice(PLACES), "n": rng.choice(PEOPLE), "y": str(rng.randint(1000, 2030)), "z": nonsense(rng)}[m[1]], form)
        if not is_held_out(text):
            return rng.choice(BEFORE) + text + rng.choice(("", "", "", " please", " exactly")) + rng.choice(END), UNKNOWN


SYSTEMS = (
    "You are a helpful assistant.", "You answer briefly.", "You are the assistant of a network called Rivulet.", "You help people with Rivulet.", "Answer in one sentence.", "Be polite.", "You are a friendly assistant.", "You are an assistant. Answer the user's questions.", "Be concise.", "You know everything about Rivulet.", "Answer honestly. If you do not know, say so.",
    "You are a teacher who explains things to beginners.", "You are a language model.", "Do not make things up.", "You are an expert.", "Answer as shortly as you can.", "You are a helpful, honest and harmless assistant.", "The user is an operator of an orchestrator.", "The user is new to the network.", "You are a calculator and a guide.",
)
WEIGHTS = {"topic": 0.34, "follow": 0.06, "sum": 0.40, "big": 0.03, "scene": 0.06, "unknown": 0.11}


def conversation(rng: random.Random, sums: float = WEIGHTS["sum"], scenes: float = WEIGHTS["scene"]) -> list[Turn]:
    """Turns of (role, content), the last of them an answer."""
    turns: list[Turn] = []
    if rng.random() < 0.22:
        turns.append(("system", rng.choice(SYSTEMS)))
    kinds, weights = list(WEIGHTS), list({**WEIGHTS, "sum": sums, "scene": scenes}.values())
    before: int | None = None
    last = ""
    for number in range(rng.choices((1, 2, 3, 4), (0.55, 0.22, 0.14, 0.09))[0]):
        kind = rng.choices(kinds, weights)[0]
        following = None if before is None or rng.random() < 0.5 else next_sum(rng, before)
        result = None
        if following is not None:
            question, told, result = following
        elif last == "scene" and rng.random() < 0.5:
            question, told, kind = rng.choice(MORE), scene(rng)[1], "scene"
        elif kind == "sum":
            question, told, result = a_sum(rng)
        elif kind == "big":
            question, told = too_big(rng)
        elif kind == "scene":
            question, told = scene(rng)
        elif kind == "unknown":
            question, told = unknown(rng)
        elif kind == "follow" and number > 0:
            question, told = follow_up(rng)
        else:
            question, told, _ = about(rng)
        before, last = result, kind
        turns += [("user", question), ("assistant", told)]
    return turns


if __name__ == "__main__":
    rng = random.Random(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    for _ in range(25):
        print(conversation(rng))
