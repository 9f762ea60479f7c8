"""Landing and publish on object storage, against a real server, with connections that are cut."""

import hashlib
import json

import pytest

from dagster_project.errors import HourglassError, UsageError
from dagster_project.operations.landing_spool import spool_landing
from dagster_project.publish import rollback
from dagster_project.publish.targets import storage, update_targets
from dagster_project.publish.targets.remote_folder import RemoteFolder
from dagster_project.settings import load_settings
from tests.s3_server import BUCKET, s3_server

s3fs = pytest.importorskip("s3fs")


@pytest.fixture(scope="module")
def server():
    with s3_server() as served:
        yield served


@pytest.fixture
def wire(server, monkeypatch):
    """The wire to the server, whose bucket is empty."""
    wire, environment = server
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("dagster_project.publish.targets.remote_folder.PAUSE_SECONDS", 0.01)
    bucket = s3fs.S3FileSystem(skip_instance_cache=True)
    if bucket.exists(BUCKET):
        bucket.rm(BUCKET, recursive=True)
    bucket.mkdir(BUCKET)
    wire.broken = wire.cuts = 0
    return wire


@pytest.fixture
def bucket(wire):
    return s3fs.S3FileSystem(skip_instance_cache=True, use_listings_cache=False)


def test_each_object_is_brought_once(bucket, tmp_path):
    """Every run reads the whole bucket again, or a corrected extract is never seen."""
    settings = load_settings(data_dir=tmp_path, landing_url=f"s3://{BUCKET}/in")
    bucket.pipe_file(f"{BUCKET}/in/shop/orders_1.csv", b"order_id\n1\n")
    bucket.pipe_file(f"{BUCKET}/in/crm/contacts.csv", b"contact_id\n1\n")
    bucket.pipe_file(f"{BUCKET}/in/../out.csv", b"x")
    bucket.pipe_file(f"{BUCKET}/in/.hidden", b"x")
    (settings.landing_dir / "crm").mkdir(parents=True)
    (settings.landing_dir / "crm" / "own.csv").write_text("contact_id\n9\n")
    assert spool_landing(settings) == ["crm/contacts.csv", "shop/orders_1.csv"]
    assert spool_landing(settings) == []
    bucket.pipe_file(f"{BUCKET}/in/shop/orders_1.csv", b"order_id\n2\n")
    bucket.rm(f"{BUCKET}/in/crm/contacts.csv")
    assert spool_landing(settings) == ["shop/orders_1.csv"]
    found = {p.name: p.read_text() for p in settings.landing_dir.rglob("*") if p.is_file()}
    assert found == {
        "orders_1.csv": "order_id\n2\n",
        "contacts.csv": "contact_id\n1\n",
        "own.csv": "contact_id\n9\n",
    }


def test_a_wire_that_is_cut_gives_whole_files(bucket, wire, tmp_path):
    """Half an extract is loaded as if it were whole, or one cut connection ends the night's run."""
    settings = load_settings(data_dir=tmp_path, landing_url=f"s3://{BUCKET}/in")
    content = b"".join(b"%d\n" % n for n in range(200_000))
    bucket.pipe_file(f"{BUCKET}/in/shop/orders.csv", content)
    wire.cuts, wire.after = 3, 100_000
    assert spool_landing(settings) == ["shop/orders.csv"]
    assert wire.broken >= 1
    assert (settings.landing_dir / "shop" / "orders.csv").read_bytes() == content
    # For good: a sentence, and nothing under the file's name.
    bucket.pipe_file(f"{BUCKET}/in/shop/later.csv", content)
    wire.cuts, wire.after = 10_000, 100_000
    with pytest.raises(HourglassError, match=r"could not be read \(shop/later.csv\).*next run"):
        spool_landing(settings)
    wire.cuts = 0
    assert [p.name for p in (settings.landing_dir / "shop").iterdir()] == ["orders.csv"]
    assert spool_landing(settings) == ["shop/later.csv"]


def pointed(bucket) -> dict:
    """The version that the pointer names, after each of its files was compared with it."""
    pointer = json.loads(bucket.cat_file(f"{BUCKET}/out/current.json"))
    for name, told in pointer["files"].items():
        data = bucket.cat_file(f"{BUCKET}/out/versions/{pointer['version']}/{name}")
        assert hashlib.sha256(data).hexdigest() == told["sha256"]
    return pointer


def test_a_version_is_whole_before_it_is_named(put_out, bucket, wire, settings, monkeypatch):
    """A reader on the bucket finds a version of which half has arrived."""
    there = settings.model_copy(update={"publish_url": f"s3://{BUCKET}/out"})
    first = put_out(1)
    wire.cuts, wire.after = 2, 20_000
    update_targets(there)
    assert wire.broken >= 1
    assert pointed(bucket)["version"] == first.name
    assert not [name for name in bucket.find(BUCKET) if "restricted" in name]
    # Killed while the second is being brought: the pointer stays, and the next run completes it.
    second, real = put_out(2), RemoteFolder.store

    def killed(folder, file, name):
        if name.endswith("orders.parquet"):
            raise KeyboardInterrupt
        real(folder, file, name)

    monkeypatch.setattr(RemoteFolder, "store", killed)
    with pytest.raises(KeyboardInterrupt):
        update_targets(there)
    assert pointed(bucket)["version"] == first.name
    monkeypatch.setattr(RemoteFolder, "store", real)
    assert update_targets(there) == [f"s3://{BUCKET}/out"]
    assert pointed(bucket)["version"] == second.name
    assert update_targets(there) == []
    rollback(settings)
    update_targets(there)
    assert pointed(bucket)["version"] == first.name


def test_old_versions_leave_the_bucket(put_out, bucket, settings):
    """The bucket grows by a version a day for ever."""
    names = [put_out(stamp).name for stamp in (1, 2, 3)]
    for name in names:
        rollback(settings, name)
        target = storage.StorageTarget(f"s3://{BUCKET}/out", kept=lambda: {names[0]})
        target.put_in_force(list_version(settings, name))
    # The one before stays for whoever is reading it.
    there = {path.split("/")[3] for path in bucket.find(f"{BUCKET}/out/versions")}
    assert there == set(names)
    storage.StorageTarget(f"s3://{BUCKET}/out", kept=set).put_in_force(
        list_version(settings, names[2])
    )
    assert {path.split("/")[3] for path in bucket.find(f"{BUCKET}/out/versions")} == {names[2]}


def list_version(settings, name):
    from dagster_project.publish import list_versions

    return next(version for version in list_versions(settings) if version.name == name)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://host/path", "must begin with one of s3://"),
        ("s3://", "must begin with one of s3://"),
    ],
)
def test_an_address_that_is_none_is_said(tmp_path, url, said):
    """A misspelt address ends in a driver's stack trace at five in the morning."""
    with pytest.raises(UsageError, match=said):
        load_settings(data_dir=tmp_path, landing_url=url)


def test_a_password_does_not_stand_in_an_address(wire, tmp_path):
    """A key lies in a file that everybody may read, and in every message."""
    with pytest.raises(UsageError, match="environment") as raised:
        RemoteFolder("s3://key:s3cret@bucket/path", "HOURGLASS_LANDING_URL")
    assert "s3cret" not in raised.value.message


def test_a_place_without_access_is_said(wire, monkeypatch, tmp_path):
    """A wrong bucket ends in a stack trace."""
    settings = load_settings(data_dir=tmp_path, publish_url="s3://other/out")
    target = storage.StorageTarget(settings.publish_url, kept=set)
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(HourglassError, match="s3://other/out could not be written"):
        target._folder.store(file, "file")
