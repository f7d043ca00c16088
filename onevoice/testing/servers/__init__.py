"""Private servers for tests, the real demo and benchmarks: a PostgreSQL, a RabbitMQ and a MariaDB of our own.

They listen on free ports of 127.0.0.1, keep their data in a temporary folder, and end with the process that started
them, however it ends. They never use or stop a server that they did not start.

    with PrivatePostgres() as postgres, PrivateRabbit() as rabbit:
        postgres.url(postgres.create_database())
        rabbit.url(rabbit.create_vhost())
"""

from onevoice.testing.servers.mariadb import PrivateMariadb
from onevoice.testing.servers.postgres import PrivatePostgres, find_postgres
from onevoice.testing.servers.private import PrivateServer, end_kept
from onevoice.testing.servers.rabbit import PrivateRabbit, find_rabbit
from onevoice.testing.servers.rabbit_cluster import PrivateRabbitCluster

__all__ = [
    "PrivateMariadb",
    "PrivatePostgres",
    "PrivateRabbit",
    "PrivateRabbitCluster",
    "PrivateServer",
    "end_kept",
    "find_postgres",
    "find_rabbit",
]
