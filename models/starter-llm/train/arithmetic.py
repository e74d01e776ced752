"""Small sums: which there are, which are kept out of training, and how they are asked for."""

from __future__ import annotations

import hashlib
import random

LARGEST = 99
LARGEST_FACTOR = 10
HELD_OUT_PERCENT = 15
MIRRORED_PERCENT = 30

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen",
         "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty")

PLUS = (
    "{a} + {b}", "{a} + {b}", "{a} + {b}", "{a}+{b}", "{a} + {b} =", "{a}+{b}=", "{a} plus {b}", "what is {a} + {b}", "what is {a}+{b}", "what is {a} plus {b}", "what's {a} + {b}", "what's {a} plus {b}", "whats {a} + {b}", "how much is {a} + {b}",
    "how much is {a} plus {b}", "how much are {a} and {b}", "add {a} and {b}", "add {b} to {a}", "calculate {a} + {b}", "compute {a} + {b}", "compute {a} plus {b}", "solve {a} + {b}", "the sum of {a} and {b}", "what is the sum of {a} and {b}", "sum of {a} and {b}", "give me {a} + {b}", "tell me {a} + {b}", "tell me what {a} plus {b} is",
    "can you add {a} and {b}", "can you tell me what {a} + {b} is", "please add {a} and {b}", "do you know {a} + {b}", "what do {a} and {b} make", "what do you get when you add {a} and {b}", "what is {a} and {b} together", "{a} and {b} together", "i have {a} apples and get {b} more. how many do i have", "i have {a} coins and find {b} more. how many coins do i have",
    "if i have {a} and add {b}, what do i get", "there are {a} red and {b} blue stars. how many are there", "{a} jobs and {b} jobs are how many jobs", "work out {a} + {b}", "evaluate {a} + {b}", "can you work out {a} plus {b}", "result of {a} + {b}", "answer this: {a} + {b}", "sum {a} and {b}", "{a} added to {b}", "how many is {a} + {b}",
    "a worker does {a} jobs, then {b} more. how many in all", "what is {a} increased by {b}", "please compute {a}+{b}", "i need {a} + {b}", "total of {a} and {b}", "what is the total of {a} and {b}",
)
MINUS = (
    "{a} - {b}", "{a} - {b}", "{a} - {b}", "{a}-{b}", "{a} - {b} =", "{a}-{b}=", "{a} minus {b}", "what is {a} - {b}", "what is {a}-{b}", "what is {a} minus {b}", "what's {a} - {b}", "what's {a} minus {b}", "whats {a} - {b}", "how much is {a} - {b}", "how much is {a} minus {b}", "subtract {b} from {a}", "take {b} from {a}", "take {b} away from {a}",
    "calculate {a} - {b}", "compute {a} - {b}", "compute {a} minus {b}", "solve {a} - {b}", "the difference of {a} and {b}", "what is the difference of {a} and {b}", "give me {a} - {b}", "tell me {a} - {b}", "tell me what {a} minus {b} is", "can you subtract {b} from {a}", "can you tell me what {a} - {b} is", "please subtract {b} from {a}", "do you know {a} - {b}", "what is {a} less {b}",
    "{a} less {b}", "what is left when i take {b} from {a}", "i have {a} apples and eat {b}. how many are left", "i have {a} coins and spend {b}. how many coins do i have", "if i have {a} and take away {b}, what do i get", "work out {a} - {b}", "evaluate {a} - {b}", "can you work out {a} minus {b}", "result of {a} - {b}", "answer this: {a} - {b}", "{a} take away {b}", "how many is {a} - {b}",
    "of {a} jobs {b} are done. how many are left", "what is {a} decreased by {b}", "please compute {a}-{b}", "i need {a} - {b}", "{b} subtracted from {a}",
)
TIMES = (
    "{a} * {b}", "{a} x {b}", "{a} × {b}", "{a} * {b}", "{a} × {b}", "{a}*{b}", "{a}x{b}", "{a}×{b}", "{a} * {b} =", "{a}*{b}=", "{a} times {b}", "what is {a} * {b}", "what is {a}*{b}", "what is {a} x {b}", "what is {a} × {b}", "what is {a} times {b}", "what's {a} * {b}", "what's {a} times {b}", "whats {a} x {b}", "how much is {a} * {b}", "how much is {a} × {b}", "how much is {a} times {b}", "multiply {a} and {b}", "multiply {a} by {b}", "multiply {a} with {b}",
    "calculate {a} * {b}", "compute {a} × {b}", "compute {a} times {b}", "solve {a} x {b}", "the product of {a} and {b}", "what is the product of {a} and {b}", "product of {a} and {b}", "give me {a} * {b}", "tell me {a} times {b}", "tell me what {a} times {b} is", "can you multiply {a} by {b}", "can you tell me what {a} * {b} is", "please multiply {a} and {b}", "do you know {a} × {b}", "what do you get when you multiply {a} by {b}",
    "{a} multiplied by {b}", "what is {a} multiplied by {b}", "work out {a} * {b}", "evaluate {a} × {b}", "can you work out {a} times {b}", "result of {a} * {b}", "answer this: {a} × {b}", "there are {a} boxes with {b} apples each. how many apples are there", "{a} rows of {b} stars are how many stars", "how many is {a} × {b}", "please compute {a}*{b}", "i need {a} x {b}",
)
DIVIDED = ("{a} / {b}", "{a} : {b}", "{a}/{b}", "what is {a} / {b}", "what is {a} divided by {b}", "divide {a} by {b}", "{a} divided by {b}", "how much is {a} / {b}", "can you divide {a} by {b}", "calculate {a} / {b}", "please divide {a} by {b}", "compute {a} ÷ {b}", "{a} ÷ {b}", "what is {a} ÷ {b}", "what is {a} over {b}", "split {a} into {b} parts")
ASKS = {"+": PLUS, "-": MINUS, "×": TIMES}


def value(a: int, op: str, b: int) -> int:
    return a + b if op == "+" else a - b if op == "-" else a * b


def is_held_out(a: int, op: str, b: int) -> bool:
    """
    Sums in either order, differences as they stand. Of the table of products only one of two mirror images is held out:
    nothing else tells what seven times eight is.
    """
    if op == "×":
        return a > b and _hash(f"{a} × {b}") < MIRRORED_PERCENT
    if op == "+":
        a, b = min(a, b), max(a, b)
    return _hash(f"{a} {op} {b}") < HELD_OUT_PERCENT


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") % 100


def training_sum(rng: random.Random) -> tuple[int, str, int]:
    while True:
        op = rng.choices("+-×", (0.38, 0.38, 0.24))[0]
        if op == "×":
            a, b = rng.randint(0, LARGEST_FACTOR), rng.randint(0, LARGEST_FACTOR)
        else:
            a, b = (rng.randint(0, LARGEST if rng.random() < 0.85 else 12) for _ in range(2))
            # Mostly what people ask for; the other way round it is less than nothing.
            if op == "-" and a < b and rng.random() < 0.6:
                a, b = b, a
        if not is_held_out(a, op, b):
            return a, op, b


def answer(a: int, op: str, b: int) -> str:
    return f"{a} {op} {b} = {value(a, op, b)}."


def spelled(rng: random.Random, number: int, chance: float) -> str:
    return WORDS[number] if number < len(WORDS) and rng.random() < chance else str(number)
