"""Writes judge/questions.json: the questions people wrote for the judge, and as many of those the training left out.

    python make_questions.py
"""

from __future__ import annotations

import json
import random

from dialogues import PACKAGE, dressed, is_held_out, ways
from topics import TOPICS

SEED = 20


def main() -> None:
    written: dict[str, list] = json.loads((PACKAGE / "judge" / "written.json").read_text())
    cases = [dict(topic=topic, turns=[question]) for topic, questions in written.items() if topic != "follow" for question in questions]
    cases += written["follow"]
    rng = random.Random(SEED)
    more = []
    for topic, found in TOPICS.items():
        left_out = [question for question in ways(topic) if is_held_out(question)]
        for question in rng.sample(left_out, min(len(left_out), 3)):
            more.append(dict(topic=topic, turns=[dressed(rng, question, found.is_talk)], isTemplate=True))
    lines = ",\n  ".join(json.dumps(case, ensure_ascii=False) for case in cases + more)
    (PACKAGE / "judge" / "questions.json").write_text(f"[\n  {lines}\n]\n")
    print(f"{len(cases)} written, {len(more)} left out of training")


if __name__ == "__main__":
    main()
