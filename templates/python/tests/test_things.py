"""What a page becomes, tried without WebAssembly: python3 -m unittest discover tests"""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))

from things import Thing, next_page, things_of  # noqa: E402

LIST = "https://api.example.com/lists/7/things"
LAMP = {
    "id": 11,
    "title": "A lamp that flickers",
    "state": "open",
    "score": 2.5,
    "created_at": "1970-01-01T00:00:01Z",
    "changed_at": "1970-01-01T01:00:00.25+01:00",
}


class Things(unittest.TestCase):
    def test_a_page_becomes_things(self):
        lamp = Thing(11, "A lamp that flickers", "open", 2.5, 1_000_000, 250_000)
        self.assertEqual(things_of([LAMP]), [lamp])
        self.assertIsNone(things_of([LAMP | {"score": None}])[0].score)
        self.assertEqual(things_of([]), [])

    def test_what_is_not_as_documented_is_refused(self):
        without_title = {name: value for name, value in LAMP.items() if name != "title"}
        bad_pages = [None, {"message": "maintenance"}, [7], [without_title]]
        bad_pages += [[LAMP | {"id": "11"}], [LAMP | {"changed_at": "yesterday"}]]
        for page in bad_pages:
            with self.subTest(page=page), self.assertRaises(ValueError):
                things_of(page)

    def test_the_next_page_is_the_one_that_the_service_names(self):
        link = '</lists/7>; rel="up", <?after=11>; rel="next", <?after=99>; rel="last"'
        self.assertEqual(next_page(LIST, link), f"{LIST}?after=11")

    def test_the_last_page_names_no_other(self):
        for link in [None, "", '<?after=1>; rel="prev"', '<?after=1>; title="rel=next"']:
            self.assertIsNone(next_page(LIST, link), link)


if __name__ == "__main__":
    unittest.main()
