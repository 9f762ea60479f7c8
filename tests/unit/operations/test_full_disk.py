"""A disk that is full while a run works: tried on small file systems in memory."""

import shutil

import dagster as dg

from dagster_project.defs.resources import told_plainly
from dagster_project.load import create_raw_tables, load_landing
from dagster_project.operations.build_plan import create_control_tables
from dagster_project.publish import list_versions, publish, version_in_force
from dagster_project.quality import gate
from dagster_project.settings import load_settings
from dagster_project.warehouse import connect
from tests.small_warehouse import fill, pass_gate, report_page, write_suites


def failure_of(settings, work) -> str:
    """What a step that does ``work`` says when it fails; no stack trace, no repetition."""

    @dg.op(required_resource_keys={"settings"})
    def step(context: dg.OpExecutionContext):
        with told_plainly(context):
            work()

    @dg.job(resource_defs={"settings": dg.ResourceDefinition.hardcoded_resource(settings)})
    def job():
        step()

    result = job.execute_in_process(raise_on_error=False)
    assert not result.success
    [event] = [e for e in result.all_node_events if e.is_step_failure]
    return event.step_failure_data.user_failure_data.description


def load(settings) -> None:
    with connect(settings, keep_order=True) as con:
        create_raw_tables(con)
        create_control_tables(con)
        load_landing(con, settings, run_id="r", take_now=True)


def rows(settings) -> int:
    with connect(settings) as con:
        return con.execute("SELECT count(*) FROM shop.orders").fetchone()[0]


def test_a_full_disk_in_load_is_a_sentence_and_heals(mounted, tmp_path):
    """The disk fills up while files are loaded: a stack trace, and rows are lost or stand twice."""
    folder = mounted(16)
    settings = load_settings(data_dir=folder)
    landing = settings.landing_dir / "shop"
    landing.mkdir(parents=True)
    header = "order_id,ordered_at,status,total_amount\n"
    lines = [f"O{n},2024-01-0{n % 9 + 1},paid,{n}.50\n" for n in range(20_000)]
    (landing / "orders.csv").write_text(header + "".join(lines))
    filler = folder / "filler"
    with filler.open("wb") as file:
        file.write(b"\0" * (shutil.disk_usage(folder).free - 1_000_000))
    said = failure_of(settings, lambda: load(settings))
    assert "MB free, and a run needs about" in said
    assert "version in force stays" in said
    filler.unlink()
    load(settings)
    assert rows(settings) == 20_000


def test_a_full_disk_in_publish_leaves_the_version_in_force(mounted, tmp_path):
    """The disk fills up while the marts are written, and readers find half of them."""
    folder = mounted(40)
    settings = load_settings(data_dir=folder)
    suites = write_suites(tmp_path / "suites")

    def put_out(stamp: int):
        with connect(settings) as con:
            gate.create_quality_tables(con)
            fill(con, f"b{stamp}", stamp=stamp)
            pass_gate(con, settings, suites, tmp_path / "dbt")
            return publish(con, settings, render=report_page, suites_dir=suites)

    first = put_out(1)
    filler = folder / "filler"

    def filled():
        with connect(settings) as con:
            fill(con, "b2", stamp=2)
            pass_gate(con, settings, suites, tmp_path / "dbt")
            con.execute("CHECKPOINT")
            filler.write_bytes(b"\0" * (shutil.disk_usage(folder).free - 200_000))
            publish(con, settings, render=report_page, suites_dir=suites)

    assert "cannot be written" in failure_of(settings, filled)
    assert version_in_force(settings) == first
    assert list_versions(settings) == [first]
    filler.unlink()
    assert put_out(3) == version_in_force(settings)


def test_a_warehouse_that_was_cut_off_is_a_sentence(tmp_path):
    """After a power cut the warehouse's file is short, and every run ends in a stack trace."""
    settings = load_settings(data_dir=tmp_path)
    with connect(settings) as con:
        con.execute("CREATE TABLE shop.big AS SELECT random() AS x FROM range(2000000)")
    with settings.warehouse_path.open("r+b") as file:
        file.truncate(settings.warehouse_path.stat().st_size // 2)

    def read() -> None:
        with connect(settings) as con:
            con.execute("SELECT sum(x) FROM shop.big").fetchone()

    said = failure_of(settings, read)
    assert "aside" in said
    assert str(settings.warehouse_path) in said
    settings.warehouse_path.rename(tmp_path / "aside")
    with connect(settings):
        pass
