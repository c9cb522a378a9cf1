"""What ftctl reads to know this plugin; it imports the standard library and ftctl.plugin alone."""

from ftctl.plugin import NETWORK, Need, Offer, hookimpl


@hookimpl
def ftctl_offers():
    return [
        Offer(
            port="data_source",
            name="sql",
            summary="Rows of a database, by one read-only SELECT",
            factory="ftctl_sql.source:SqlSource",
            options="ftctl_sql.options:SqlOptions",
            capabilities=(NETWORK,),
            needs=(Need("sqlalchemy", "ftctl-sql"),),
            contract=1,
        )
    ]
