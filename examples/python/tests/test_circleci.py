"""What answers become, tried without WebAssembly: python3 -m unittest discover tests"""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))

from circleci import Watermark, items_of, microseconds, pipeline_of, workflow_of  # noqa: E402

PIPELINE = {
    "id": "5034460f-c7c4-4c43-9457-de07e2029e7b",
    "number": 25,
    "state": "created",
    "created_at": "2026-02-20T10:00:00.500Z",
    "trigger": {"type": "schedule", "actor": None},
    "vcs": {"branch": "main", "revision": "f454a02b5d10fcccfd7d9dd7608a76d6493a98b4"},
}
WORKFLOW = {
    "id": "fda08377-fe7e-46b1-8992-3a7aaecac9c3",
    "name": "build",
    "status": "running",
    "created_at": "2026-02-20T10:00:01Z",
    "stopped_at": None,
}


def pipeline(number: int, state: str = "created"):
    return pipeline_of(PIPELINE | {"number": number, "state": state})


def workflow(status: str):
    return workflow_of(WORKFLOW | {"status": status}, pipeline(25))


class Answers(unittest.TestCase):
    def test_what_may_be_null_is_none(self):
        self.assertIsNone(pipeline(25).actor)
        self.assertIsNone(workflow("running").stopped_at)
        self.assertEqual(microseconds("1970-01-01T00:00:00.5Z"), 500_000)

    def test_what_is_not_as_documented_is_refused(self):
        without_vcs = {name: value for name, value in PIPELINE.items() if name != "vcs"}
        for item in [None, [], without_vcs, PIPELINE | {"number": "25"}, PIPELINE | {"vcs": 1}]:
            with self.subTest(item=item), self.assertRaises(ValueError):
                pipeline_of(item)

    def test_a_page_says_whether_another_follows(self):
        self.assertEqual(items_of({"items": [1], "next_page_token": "AAB"}), ([1], "AAB"))
        self.assertEqual(items_of({"items": [], "next_page_token": None}), ([], None))
        for body in [{"message": "maintenance"}, {"items": {}}, [], {"next_page_token": None}]:
            with self.subTest(body=body), self.assertRaises(ValueError):
                items_of(body)


class TheWatermark(unittest.TestCase):
    def after(self, *taken) -> int:
        watermark = Watermark(known=10)
        for number, state, statuses in taken:
            watermark.take(pipeline(number, state), [workflow(status) for status in statuses])
        return watermark.next

    def test_it_is_the_newest_pipeline_when_all_have_ended(self):
        self.assertEqual(self.after((13, "created", ["success", "failed"]), (12, "errored", [])), 13)
        self.assertEqual(self.after(), 10)

    def test_it_stays_below_what_still_changes(self):
        running = (12, "created", ["success", "running"])
        self.assertEqual(self.after((14, "created", ["success"]), running), 11)
        self.assertEqual(self.after((13, "setup-pending", []), (12, "created", ["failed"])), 12)


if __name__ == "__main__":
    unittest.main()
