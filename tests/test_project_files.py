"""Licence, citation and changelog say what they must, and the same of version and licence."""

import hashlib
import re
from importlib import import_module

import yaml

from tests.conftest import REPOSITORY

# Of https://www.apache.org/licenses/LICENSE-2.0.txt, appendix included.
APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
PERSON = {"family-names", "given-names", "name-particle", "name-suffix", "orcid", "affiliation"}
SOFTWARE = {"cff-version", "message", "type", "title", "authors", "version", "license", "abstract"}
SOFTWARE |= {"date-released", "keywords", "identifiers", "url", "preferred-citation", "references"}
PAPER = {"type", "title", "authors", "year", "month", "collection-title", "conference", "volume"}
PAPER |= {"start", "end", "publisher", "doi", "url", "identifiers", "status", "notes"}


def text(name):
    return (REPOSITORY / name).read_text(encoding="utf-8")


def project(name):
    return re.search(rf'^{name} = "(.*)"$', text("pyproject.toml"), re.MULTILINE)[1]


def test_the_licence_is_the_official_text():
    assert hashlib.sha256((REPOSITORY / "LICENSE").read_bytes()).hexdigest() == APACHE_2
    assert project("license") == "Apache-2.0"
    assert (REPOSITORY / project("readme")).is_file()


def check_authors(authors):
    assert authors
    for author in authors:
        assert set(author) == {"name"} or ("family-names" in author and set(author) <= PERSON)
        assert all(isinstance(value, str) and value for value in author.values())


def test_the_citation_is_one_by_the_rules_of_cff():
    citation = yaml.safe_load(text("CITATION.cff"))
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= citation.keys() <= SOFTWARE
    assert citation["type"] in ("software", "dataset")
    assert citation["version"] == project("version")
    assert citation["license"] == project("license")
    check_authors(citation["authors"])

    paper = citation["preferred-citation"]
    assert {"type", "title", "authors"} <= paper.keys() <= PAPER
    assert paper["type"] == "conference-paper"
    assert isinstance(paper["year"], int)
    check_authors(paper["authors"])
    for identifier in paper["identifiers"]:
        assert {"type", "value"} <= identifier.keys() <= {"type", "value", "description"}
        assert identifier["type"] in ("doi", "url", "swh", "other")


def test_the_citation_is_the_paper_of_the_readme():
    paper = yaml.safe_load(text("CITATION.cff"))["preferred-citation"]
    entry = text("README.md").partition("```bibtex")[2].partition("```")[0]
    field = dict(re.findall(r"(\w+)\s*= \{(.*)\}", entry))
    assert paper["title"] == field["title"]
    assert paper["collection-title"] == field["booktitle"]
    assert str(paper["year"]) == field["year"]
    names = [f"{each['family-names']}, {each['given-names']}" for each in paper["authors"]]
    assert " and ".join(names) == field["author"]
    assert [each["value"] for each in paper["identifiers"]] == [field["note"]]
    assert paper["url"].endswith(field["note"].removeprefix("arXiv:"))


def unreleased():
    """The newest section of the changelog; what is older is history."""
    return text("CHANGELOG.md").partition("\n## Unreleased\n")[2].partition("\n## ")[0]


def test_the_changelog_has_its_form():
    heads = re.findall(r"^## (.*)$", text("CHANGELOG.md"), re.MULTILINE)
    assert heads[0] == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", head) for head in heads[1:])
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.*)$", text("CHANGELOG.md"), re.MULTILINE)) <= kinds


def test_what_moved_is_where_the_changelog_says():
    rows = re.findall(r"^\| (.*`network\..*) \| (.*) \|$", unreleased(), re.MULTILINE)
    assert rows or "| was | is |" not in unreleased()
    for was, now in rows:
        found = re.findall(r"`(network\.[\w.]+)`(?: \((.*?)\))?", now)
        assert found, now
        for module, names in found:
            for name in re.findall(r"`(\w+)`", names):
                assert hasattr(import_module(module), name), f"{module}.{name}"
            import_module(module)
        if was.startswith("`"):  # a whole module
            module = re.match(r"`(.*?)`", was)[1]
            assert not (REPOSITORY / module.replace(".", "/")).with_suffix(".py").exists(), was


def test_what_configs_import_stays_where_it_was():
    for module, name in {
        ("network.models", "BiCoR"),
        ("network.losses", "BiCoRLoss"),
        ("network.datasets.folder", "FolderDataset"),
        ("network.datasets.isprs", "VaihingenDataset"),
        ("network.datasets.isprs", "PotsdamDataset"),
        ("network.datasets.loveda", "LoveDADataset"),
        ("network.datasets.transforms", "TrainTransform"),
        ("network.experiment", "Experiment"),
    }:
        assert f"`{module}`" in text("CHANGELOG.md")
        assert hasattr(import_module(module), name), f"{module}.{name}"
