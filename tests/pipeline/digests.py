"""What the published marts say, as one checksum per mart, customer ids aside."""

from tests.equal_marts import OF_THE_BUILD
from tests.pipeline.conftest import Company

# Ids differ from one company's history to another's; nothing else may, but of which build it is.
IDS = {"customer_id", "cart_id"}
# Which ids were minted before they proved to be one person's depends on what came first, and who
# is in an audience on who was told what before, build by build.
HISTORIES = {"customer_id_changes", "audiences", "audience_changes", "audience_results"}


def mart_digests(company: Company, *, with_ids: bool = False) -> dict[str, tuple[int, str]]:
    """Mart to (rows, checksum of the multiset of its rows); floats to nine digits."""
    aside = OF_THE_BUILD if with_ids else OF_THE_BUILD | IDS
    columns: dict[str, list[str]] = {}
    for mart, column, kind in company.query(
        "SELECT table_name, column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = 'main' ORDER BY table_name, column_name"
    ):
        if mart in HISTORIES:
            continue
        chosen = columns.setdefault(mart, [])
        if column not in aside:
            quoted = f'"{column}"'
            # Sums of floats depend on the order in which they are added.
            chosen.append(f"printf('%.9g', {quoted})" if kind == "DOUBLE" else quoted)
    return {
        mart: company.query(
            f"SELECT count(*), CAST(sum(CAST(hash({', '.join(chosen)}) AS HUGEINT)) AS VARCHAR) "
            f"FROM {mart}"
        )[0]
        for mart, chosen in columns.items()
    }
