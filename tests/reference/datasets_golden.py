"""Rows of small datasets as the `datasets` library reads them: split expressions, layouts of folders, cards, and formats with their
arguments.

Needs an environment with `datasets` (5.2.0). Makes `tests/fixtures/datasets/`: `splits.json`, `layouts.json`, `cards.json`,
`formats.json`, and the binary files that `formats.json` names.
"""

import gzip
import json
import os
import shutil
import tempfile
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from datasets.arrow_reader import ReadInstruction

OUT = Path(__file__).parents[1] / "fixtures" / "datasets"
datasets.disable_progress_bars()
datasets.utils.logging.set_verbosity(datasets.utils.logging.CRITICAL)


def load(**call):
    """What `load_dataset` reads, as a frame of pandas."""
    with tempfile.TemporaryDirectory() as cache:
        return datasets.load_dataset(cache_dir=cache, **call).to_pandas()


def cell(value):
    """A string, null, or the name of another type."""
    if isinstance(value, str):
        return value
    if value is None or value != value:
        return None
    return {"type": type(value).__name__}


# Split expressions: what each slice of them is, of `train` and `test` of some sizes.
SIZES = [(1, 1), (2, 7), (3, 100), (5, 99), (10, 33), (11, 50), (99, 101), (100, 100), (101, 150), (150, 199), (199, 200), (200, 3), (250, 1000), (333, 12), (1000, 250)]
EXPRESSIONS = (
    ["train", "test", "train+test", "test+train", "train+train", "train + test[:3]", "train  +  test", "train+ test", "train +test", "all", "train[:]", "train[:]+test[1:2]"]
    + [f"train[{a}:{b}]" for a in ("", "0", "1", "5", "-3", "2_0", "-200", "500", "10%", "33%", "50%", "-10%", "0%", "99%", "100%", "-100%") for b in ("", "0", "3", "20", "-1", "1_00", "20%", "67%", "-1%", "15%", "100%", "55%")]
    + [f"train[{a}:{b}](pct1_dropremainder)" for a, b in (("", "10%"), ("10%", ""), ("33%", "66%"), ("-5%", ""), ("", "-5%"), ("", "100%"))]
    + ["train[:10%](closest)", "train[:50%]+test[50%:]", "train[:1%]+test[:1%](pct1_dropremainder)", "train[:10]+test[:1%](pct1_dropremainder)"]
    + ["", "train[", "train[5]", "train[:5", "train[a:]", "train[1:2:3]", "train[:101%]", "train[-101%:]", "train[:5](closest)", "train(closest)", "train[:5%](up)", "train[:5%]()", "nowhere", " train", "train ", "train[ :5]", "train[: 5]", "train[+1:]", "train[__:]", "train[1__0:]", "train[:5]x", "train-x", "a.b", "train[:1.5]", "train[:5%]%"]
)


def splits():
    cases = []
    for train, test in SIZES:
        lengths = {"train": train, "test": test}
        for expression in EXPRESSIONS:
            spec = "train+test" if expression == "all" else expression
            try:
                parts = [(p.splitname, p.from_, p.to) for p in ReadInstruction.from_spec(spec).to_absolute(lengths)]
            except ValueError:
                parts = None
            # A slice that ends before it starts has a negative number of rows, which the library does not handle in one way.
            if parts and any(to < start for _, start, to in parts):
                continue
            # What the library cannot read is written once.
            if parts is None and "pct1" not in expression and any(case["split"] == expression for case in cases):
                continue
            cases.append({"train": train, "test": test, "split": expression, "parts": parts})
    return cases


# Folders of text files. The only line of each is its own name.
LAYOUTS = {
    "one": ["a.txt"],
    "several": ["b.txt", "a.txt", "c/d.txt", "c/b.txt"],
    "files": ["train.txt", "test.txt", "validation.txt"],
    "words": ["training.txt", "dev.txt", "eval.txt"],
    "words in names": ["my-train-1.txt", "my_train_0.txt", "my.test.txt", "val 1.txt", "other.txt"],
    "no word": ["trainer.txt", "contest.txt", "latest.txt"],
    "folders": ["train/b.txt", "train/a.txt", "test/a.txt", "x.txt"],
    "folders in folders": ["data/train/1.txt", "data/train/0.txt", "data/test-set/0.txt"],
    "folders before files": ["train/a.txt", "test.txt"],
    "shards": ["data/train-00001-of-00002.txt", "data/train-00000-of-00002.txt", "data/test-00000-of-00001.txt", "data/zoo-00000-of-00001.txt", "data/art-00000-of-00001.txt"],
    "shards with more": ["data/train-00000-of-00001-abcdef.txt", "train.txt"],
    "shards elsewhere": ["train-00000-of-00002.txt", "train-00001-of-00002.txt", "test-00000-of-00001.txt"],
    "hidden": [".hidden.txt", ".git/train.txt", "__pycache__/a.txt", "a.txt"],
    "capitals": ["Train.txt", "TEST.txt"],
    "digits": ["train1.txt", "train2.txt", "test1.txt"],
    "many words": ["train.txt", "testing.txt", "test.txt", "evaluation.txt", "valid.txt", "val.txt"],
    "order": ["train-2.txt", "train-10.txt", "train-1.txt", "training-0.txt"],
    "deep": ["a/b/c/train.txt", "a/b/test.txt"],
    "keyword in the middle": ["en-train-fr.txt", "en-test-fr.txt"],
    "ending": ["en-train.txt", "en-test.txt", "en.train.txt"],
    "others": ["a.txt", "README.md", "dataset_info.json", "LICENSE"],
}
NAMED = [
    ("one file", "text", {"data_files": "a.txt"}, ["a.txt", "b.txt"], ["train"]),
    ("a list", "text", {"data_files": ["b.txt", "a.txt"]}, ["a.txt", "b.txt"], ["train"]),
    ("a file twice", "text", {"data_files": ["a.txt", "a.txt"]}, ["a.txt", "b.txt"], ["train"]),
    ("by split", "text", {"data_files": {"other": ["b.txt", "c/*.txt"], "train": "a.txt"}}, ["a.txt", "b.txt", "c/e.txt", "c/d.txt"], ["train", "other", "all", "train+other", "test"]),
    ("a pattern", "text", {"data_files": "*.txt"}, ["b.txt", "a.txt", "c/d.txt"], ["train"]),
    ("folders by pattern", "text", {"data_files": "**/*.txt"}, ["b.txt", "a.txt", "c/d.txt", "c/e/f.txt"], ["train"]),
    ("classes", "text", {"data_files": "[ab]?.txt"}, ["a1.txt", "b2.txt", "c3.txt", "a.txt"], ["train"]),
    ("not a class", "text", {"data_files": "[!a]*.txt"}, ["a1.txt", "b2.txt", "c3.txt"], ["train"]),
    ("all of a folder", "text", {"data_files": "c/*"}, ["a.txt", "c/d.txt", "c/.e.txt", "c/f/g.txt"], ["train"]),
    ("all below a folder", "text", {"data_files": "c/**"}, ["a.txt", "c/d.txt", "c/f/g.txt"], ["train"]),
    ("no match", "text", {"data_files": "*.csv"}, ["a.txt"], ["train"]),
    ("no file", "text", {"data_files": "b.txt"}, ["a.txt"], ["train"]),
    ("a folder", "text", {"data_files": "c"}, ["c/d.txt"], ["train"]),
    ("any ending", "text", {"data_files": "notes.md"}, ["notes.md"], ["train"]),
    ("data_dir", "text", {"data_dir": "c"}, ["a.txt", "c/train.txt", "c/test.txt"], ["train", "test"]),
    ("data_dir and files", "text", {"data_dir": "c", "data_files": "d.txt"}, ["d.txt", "c/d.txt"], ["train"]),
    ("folder and files", ".", {"data_files": "b.txt"}, ["a.txt", "b.txt"], ["train"]),
    ("folder and data_dir", ".", {"data_dir": "c"}, ["train.txt", "c/train.txt", "c/test.txt"], ["train", "test"]),
]


def layouts():
    cases = [(name, ".", {}, files, ["train", "validation", "test", "all", "zoo"]) for name, files in LAYOUTS.items()]
    out = []
    home = os.getcwd()
    for name, path, call, files, asked in cases + NAMED:
        with tempfile.TemporaryDirectory() as folder:
            for file in files:
                place = Path(folder) / file
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(file + "\n")
            os.chdir(folder)
            rows = {}
            for split in asked:
                try:
                    rows[split] = list(load(path=path if path != "." else folder, split=split, **call)["text"])
                except Exception:
                    rows[split] = None
            os.chdir(home)
        out.append({"name": name, "path": path, "call": call, "files": files, "splits": rows})
    return out


# Cards: name, the facts of the card (or of `.huggingface.yaml`), the files, and the calls with the splits that are asked for.
ROWS = "text\n{0} one\n{0} two\n"
SEVERAL = """configs:
- config_name: de
  data_files: de/*.csv
- config_name: fr
  data_files:
  - split: train
    path: fr/train-*.csv
  - split: held.out
    path: ["fr/test.csv", fr/more/*.csv]
"""
SEVERAL_FILES = ["de/a.csv", "de/b.csv", "fr/train-0.csv", "fr/train-1.csv", "fr/test.csv", "fr/more/x.csv", "LICENSE"]
CARDS = [
    ("one configuration", "configs:\n- config_name: only\n  data_files: b.csv\n", ["a.csv", "b.csv"],
     [({}, ["train", "test"]), ({"name": "only"}, ["train"]), ({"name": "default"}, ["train"]), ({"data_files": "a.csv"}, ["train"])]),
    ("several", SEVERAL, SEVERAL_FILES,
     [({}, ["train"]), ({"name": "de"}, ["train", "held.out"]), ({"name": "fr"}, ["train", "held.out", "train+held.out", "all"]),
      ({"name": "es"}, ["train"]), ({"data_files": "fr/test.csv"}, ["train"]), ({"name": "fr", "data_files": "de/a.csv"}, ["train"]),
      ({"data_dir": "de"}, ["train"])]),
    ("named default", SEVERAL.replace("config_name: fr", "config_name: default"), SEVERAL_FILES, [({}, ["train", "held.out"])]),
    ("marked default", SEVERAL.replace("- config_name: fr\n", "- config_name: fr\n  default: true\n"), SEVERAL_FILES, [({}, ["train", "held.out"])]),
    ("two defaults", SEVERAL.replace("data_files: de/*.csv", "data_files: de/*.csv\n  default: true").replace("config_name: fr", "config_name: default"),
     SEVERAL_FILES, [({}, ["train"])]),
    ("default of dataset_info", SEVERAL + "dataset_info:\n  config_name: fr\n", SEVERAL_FILES, [({}, ["train"])]),
    ("folder of a configuration", "configs:\n- config_name: a\n  data_dir: a\n- config_name: b\n  data_dir: b\n  data_files: x.csv\n",
     ["a/train.csv", "a/test.csv", "b/x.csv", "b/y.csv", "x.csv"], [({"name": "a"}, ["train", "test"]), ({"name": "b"}, ["train"])]),
    ("a list of files", "configs:\n- config_name: a\n  data_files:\n  - b.csv\n  - a*.csv\n", ["a1.csv", "a2.csv", "b.csv"], [({}, ["train"])]),
    ("all files", "configs:\n- config_name: a\n  data_files: '**'\n", ["a.csv", "b/c.csv", "LICENSE", "notes"], [({}, ["train"])]),
    ("without files", "configs:\n- config_name: a\n", ["train.csv", "test.csv"], [({}, ["train", "test"])]),
    ("no match", "configs:\n- config_name: a\n  data_files: none-*.csv\n", ["a.csv"], [({}, ["train"])]),
    ("no file", "configs:\n- config_name: a\n  data_files: none.csv\n", ["a.csv"], [({}, ["train"])]),
    ("without configurations", "license: mit\nconfigs: []\n", ["a.csv"], [({}, ["train"]), ({"name": "default"}, ["train"]), ({"name": "x"}, ["train"])]),
    ("no list", "configs:\n  config_name: a\n", ["a.csv"], [({}, ["train"])]),
    ("without a name", "configs:\n- data_files: a.csv\n", ["a.csv"], [({}, ["train"])]),
    ("a split that is no word", "configs:\n- config_name: a\n  data_files:\n  - split: held-out\n    path: a.csv\n", ["a.csv"], [({}, ["train"])]),
    ("a split twice", "configs:\n- config_name: a\n  data_files:\n  - split: train\n    path: a.csv\n  - split: train\n    path: b.csv\n",
     ["a.csv", "b.csv"], [({}, ["train"])]),
    ("an entry without a path", "configs:\n- config_name: a\n  data_files:\n  - split: train\n", ["a.csv"], [({}, ["train"])]),
    ("arguments", "configs:\n- config_name: a\n  data_files: a.csv\n  sep: ';'\n  header: null\n  column_names: [n, text]\n  unknown: 1\n",
     {"a.csv": "1;one\n2;two, 2\n"}, [({}, ["train"])]),
    ("arguments of the caller", "configs:\n- config_name: a\n  data_files: a.csv\n  sep: ';'\n", {"a.csv": "x;text|text\n1;2|one\n"},
     [({"sep": "|"}, ["train"])]),
    ("arguments beside files", "configs:\n- config_name: a\n  data_files: a.csv\n  sep: ';'\n", {"a.csv": "text;n\none;1\n", "b.csv": "text;n\ntwo;1\n"},
     [({"data_files": "b.csv"}, ["train"])]),
    ("a field", "configs:\n- config_name: a\n  data_files: a.json\n  field: data\n", {"a.json": '{"data": [{"text": "one"}]}'}, [({}, ["train"])]),
    ("a kind of its own", "configs:\n- config_name: a\n  data_files: a.jsonl\n", {"a.jsonl": '{"text": "one"}\n', "b.csv": "text\ntwo\n", "c.csv": "text\nthree\n"},
     [({}, ["train"])]),
]
STANDALONE = "configs:\n- config_name: other\n  data_files: b.csv\n"


def cards():
    out = []
    cases = [(name, {"README.md": f"---\n{card}---\n# Title\n"}, files, calls) for name, card, files, calls in CARDS]
    one = CARDS[0]
    cases += [
        ("facts of their own", {".huggingface.yaml": STANDALONE}, one[2], [({}, ["train"])]),
        ("facts before the card", {"README.md": f"---\n{one[1]}---\n", ".huggingface.yaml": STANDALONE}, one[2], [({}, ["train"]), ({"name": "only"}, ["train"])]),
        ("a card without facts", {"README.md": "# Title\n\n---\nconfigs: 1\n---\n"}, ["a.csv"], [({}, ["train"])]),
        ("other line ends", {"README.md": f"---\n{one[1]}---\n".replace("\n", "\r\n")}, one[2], [({}, ["train"])]),
    ]
    for name, cards, files, calls in cases:
        contents = files if isinstance(files, dict) else {file: ROWS.format(file) for file in files}
        contents = cards | contents
        with tempfile.TemporaryDirectory() as folder:
            for file, content in contents.items():
                place = Path(folder) / file
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content.encode())
            found = []
            for call, asked in calls:
                rows = {}
                for split in asked:
                    try:
                        rows[split] = list(load(path=folder, split=split, **call)["text"])
                    except Exception as error:
                        print(f"{name}, {call}, {split}: {type(error).__name__}: {str(error).splitlines()[:1]}")
                        rows[split] = None
                found.append({"call": call, "splits": rows})
        out.append({"name": name, "files": contents, "calls": found})
    return out


def parquet(path, table, **options):
    pq.write_table(table, path, **options)


def binary_files():
    """Files that cannot be written in JSON."""
    texts = pa.table({"id": list(range(100, 107)), "text": ["one", "zwei", None, "", "five", "sechs\n6", "siebén"], "more": [0.5] * 7, "name": list("abcdefg")})
    parquet(OUT / "groups.parquet", texts, row_group_size=3, compression="zstd")
    parquet(OUT / "snappy.parquet", texts, compression="snappy")
    # A codec that is not read, of one of two columns.
    both = pa.table({"text": ["one", "two", "three"], "plain": ["one", "two", "three"]})
    parquet(OUT / "brotli.parquet", both, compression={"text": "brotli", "plain": "none"})
    large = texts.set_column(1, "text", texts["text"].cast(pa.large_string())).set_column(3, "name", texts["name"].dictionary_encode())
    parquet(OUT / "large.parquet", large, compression="gzip")
    parquet(OUT / "plain.parquet", texts, compression="none", use_dictionary=False, data_page_version="2.0")
    with pa.OSFile(str(OUT / "file.arrow"), "wb") as f, pa.ipc.new_file(f, large.schema) as writer:
        for batch in large.to_batches(max_chunksize=3):
            writer.write_batch(batch)
    with pa.OSFile(str(OUT / "stream.arrow"), "wb") as f, pa.ipc.new_stream(f, texts.schema) as writer:
        for batch in texts.to_batches(max_chunksize=2):
            writer.write_batch(batch)
    lines = b'{"text": "one"}\n{"text": "two"}\n'
    # Two members, as `cat a.gz b.gz` makes them.
    (OUT / "lines.jsonl.gz").write_bytes(gzip.compress(lines, mtime=0) + gzip.compress(b'{"text": "three"}\n', mtime=0))
    (OUT / "lines.jsonl.zst").write_bytes(zstandard.compress(lines))
    (OUT / "table.csv.gz").write_bytes(gzip.compress(b"text,id\none,1\ntwo,2\n", mtime=0))
    (OUT / "lines.txt.zst").write_bytes(zstandard.compress(b"one\ntwo\n"))


# Name of the file, its bytes as text in latin-1, the builder, its arguments, the column.
FORMATS = [
    ("a.txt", "one\ntwo\n", "text", {}, "text"),
    ("a.txt", "one\ntwo", "text", {}, "text"),
    ("a.txt", "one\n\ntwo\n\n", "text", {}, "text"),
    ("a.txt", "one\r\ntwo\rthree\r\n\r\nfour\r", "text", {}, "text"),
    ("a.txt", "  one \n\ttwo\n", "text", {}, "text"),
    ("a.txt", "one\x0btwo\x0cthree\x1cfour\xc2\x85five\xe2\x80\xa8six\n", "text", {}, "text"),
    ("a.txt", "d\xe9j\xe0\n", "text", {"encoding": "latin-1"}, "text"),
    ("a.txt", "d\xc3\xa9j\xc3\xa0\n", "text", {"encoding": "utf-8"}, "text"),
    ("a.txt", "a\xffb\n", "text", {"encoding_errors": "replace"}, "text"),
    ("a.txt", "a\xe9\n", "text", {"encoding": "ascii", "encoding_errors": "replace"}, "text"),
    ("a.txt", "one\n", "text", {}, "words"),
    ("a.jsonl", '{"text": "one", "n": 1}\n{"text": "two", "n": 2}\n', "json", {}, "text"),
    ("a.jsonl", '{"text": "one"}\n\n{"text": "two"}', "json", {}, "text"),
    ("a.jsonl", '{"text": "one"}\r\n{"text": "two"}\r\n', "json", {}, "text"),
    ("a.jsonl", '{"text": null}\n{"text": "two"}\n{"n": 1}\n', "json", {}, "text"),
    ("a.jsonl", '{"text": "\\u00e9 \\ud83d\\ude00 \\n \\"q\\" \\/"}\n', "json", {}, "text"),
    ("a.jsonl", '\xef\xbb\xbf{"text": "one"}\n', "json", {}, "text"),
    ("a.jsonl", '{"text": "d\xe9"}\n', "json", {"encoding": "latin-1"}, "text"),
    ("a.jsonl", '{"n": 1, "text": {"a": 1}}\n', "json", {}, "text"),
    ("a.jsonl", '{"text": "one"}\n', "json", {}, "txt"),
    ("a.json", '[{"text": "one"}, {"text": "two", "n": [1, {"a": "]"}]}]', "json", {}, "text"),
    ("a.json", '[\n  {"text": "o]n{e\\""},\n  {"text": null}\n]\n', "json", {}, "text"),
    ("a.json", '["one", "two"]', "json", {}, "text"),
    ("a.json", '{\n "text": "one",\n "n": 1\n}\n', "json", {}, "text"),
    ("a.json", '{"version": 1, "data": [{"text": "one"}, {"text": "two"}]}', "json", {"field": "data"}, "text"),
    ("a.json", '{"a": {"data": 1}, "data": ["one", "two"], "z": 0}', "json", {"field": "data"}, "text"),
    ("a.json", '{"version": 1}', "json", {"field": "data"}, "text"),
    ("a.json", '{"version": 1, "data": [{"text": "one"}]}', "json", {}, "text"),
    ("a.json", '[{"text": "one"}, {"text": ', "json", {}, "text"),
    ("a.csv", "text,n\none,1\ntwo,2\n", "csv", {}, "text"),
    ("a.csv", 'n,text\n1,"one, ""two""\nthree"\n2,four\n', "csv", {}, "text"),
    ("a.csv", "text,n\r\none,1\r\ntwo,2", "csv", {}, "text"),
    ("a.csv", "text,n\none,1\n\ntwo,2\n   \nthree,3\n", "csv", {}, "text"),
    ("a.csv", "text,n\none\ntwo,2\n,3\n", "csv", {}, "n"),
    ("a.csv", "text,n\n,1\nNA,2\nNone,3\nnull,4\nx,5\nn/a,6\nnan,7\n-,8\n", "csv", {}, "text"),
    ("a.csv", "text,n\n,1\nNA,2\nx,3\n", "csv", {"keep_default_na": False}, "text"),
    ("a.csv", "text,n\n,1\nNA,2\n-,3\n", "csv", {"na_values": ["-"]}, "text"),
    ("a.csv", "text,n\n,1\nNA,2\n-,3\n", "csv", {"keep_default_na": False, "na_values": ["-"]}, "text"),
    ("a.csv", "text,n\n,1\nNA,2\n", "csv", {"na_filter": False}, "text"),
    ("a.csv", "text;n\none;1\n", "csv", {"delimiter": ";"}, "text"),
    ("a.csv", "text|n\none|1\n", "csv", {"sep": "|"}, "text"),
    ("a.csv", "one,1\ntwo,2\n", "csv", {"column_names": ["text", "n"]}, "text"),
    ("a.csv", "x,y\none,1\n", "csv", {"column_names": ["text", "n"], "header": 0}, "text"),
    ("a.csv", "one,1\ntwo,2\n", "csv", {"header": None}, "0"),
    ("a.csv", "text,n\n'a,b',1\n", "csv", {"quotechar": "'"}, "text"),
    ("a.csv", 'text,n\n"a,1\n', "csv", {"quoting": 3}, "text"),
    ("a.csv", 'text,n\n"a\\"b",1\n', "csv", {"escapechar": "\\", "doublequote": False}, "text"),
    ("a.csv", "# a\n# b\ntext,n\none,1\n", "csv", {"skiprows": 2}, "text"),
    ("a.csv", "text,n\none,1\ntwo,2\nthree,3\n", "csv", {"nrows": 2}, "text"),
    ("a.csv", "text,text\none,two\n", "csv", {}, "text.1"),
    ("a.csv", ",text\n0,one\n1,two\n", "csv", {}, "Unnamed: 0"),
    ("a.csv", ",text\n0,one\n1,two\n", "csv", {}, "text"),
    ("a.csv", "\xef\xbb\xbftext,n\none,1\n", "csv", {}, "text"),
    ("a.csv", "text,n\nd\xe9,1\n", "csv", {"encoding": "latin-1"}, "text"),
    ("a.csv", 'text,n\na"b"c,1\n"x"y,2\n', "csv", {}, "text"),
    ("a.csv", " text , n\n one , 1\n", "csv", {}, " text "),
    ("a.csv", 'text,n\n"one,1\ntwo,2\n', "csv", {}, "text"),
    ("a.csv", "text,n\n", "csv", {}, "text"),
    ("a.csv", "", "csv", {}, "text"),
    ("a.csv", "text,n\none,1\n", "csv", {}, "txt"),
    ("a.csv", "n,text\n1,one\r2,two\r", "csv", {}, "text"),
    ("a.tsv", "text\tn\none, two\t1\n", None, {}, "text"),
    ("a.csv", "text,n\none,1\n", None, {}, "text"),
    ("a.ndjson", '{"text": "one"}\n', None, {}, "text"),
]
BINARY = [
    (file, None, column)
    for file in ("groups.parquet", "snappy.parquet", "large.parquet", "plain.parquet", "file.arrow", "stream.arrow")
    for column in ("text", "name", "id", "more", "other")
] + [("lines.jsonl.gz", "json", "text"), ("lines.jsonl.zst", "json", "text"), ("table.csv.gz", "csv", "text"), ("lines.txt.zst", "text", "text")]


def formats():
    out = []
    for file, content, builder, arguments, column in FORMATS + [(f, None, b, {}, c) for f, b, c in BINARY]:
        with tempfile.TemporaryDirectory() as folder:
            if content is None:
                shutil.copy(OUT / file, folder)
            else:
                (Path(folder) / file).write_bytes(content.encode("latin-1"))
            call = {"path": builder or folder, "data_files": str(Path(folder) / file) if builder else file}
            try:
                rows = [cell(value) for value in load(split="train", **call, **arguments)[column]]
            except Exception:
                rows = None
        out.append({"file": file, "content": content, "builder": builder, "arguments": arguments, "column": column, "rows": rows})
    return out


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    binary_files()
    for name, cases in (("splits", splits()), ("layouts", layouts()), ("cards", cards()), ("formats", formats())):
        lines = ",\n".join(json.dumps(case) for case in cases)
        (OUT / f"{name}.json").write_text(f"[\n{lines}\n]\n")
        print(name, len(cases))
