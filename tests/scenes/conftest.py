import pytest

from tests.scenes.files import with_scene


@pytest.fixture(scope="module")
def root(trained, tmp_path_factory):
    root = tmp_path_factory.mktemp("scenes") / "work"
    return with_scene(trained[0], root)
