"""`spanhouse.Client` against a server with tokens and mutual TLS: who is answered, and what the others are told."""

import asyncio

import pytest
from certificates import CLIENT, Authority
from harness import ServerProcess
from token_files import tokens_of_each_role, wrong

import spanhouse
from spanhouse.query import Unauthorized, Unavailable


def test_a_token_opens_what_its_role_allows(tmp_path):
    """Read for questions, sql for statements, admin for deleting; the refusal says which one is needed."""
    tokens = tokens_of_each_role(tmp_path / "tokens")
    with ServerProcess(tmp_path / "data", "--tokens", str(tmp_path / "tokens")) as server:

        def client(token):
            return spanhouse.Client(f"http://{server.http}", token=token)

        with client(tokens["read"]) as reader:
            assert reader.services().rows == ()
            with pytest.raises(Unauthorized, match="has not the role sql"):
                reader.sql("SELECT 1")
            with pytest.raises(Unauthorized, match="has not the role admin"):
                reader.delete("1h")
        with client(tokens["sql"]) as analyst:
            assert analyst.sql("SELECT 1 AS one").rows == ((1,),)
        with client(tokens["admin"]) as admin:
            assert admin.delete("1h").deleted == 0
        for refused in (None, wrong(tokens["read"])):
            with client(refused) as stranger, pytest.raises(Unauthorized):
                stranger.services()


def test_mutual_tls(tmp_path):
    """With the authority and a certificate of it; without either there is no connection, and the client says so."""
    authority = Authority(tmp_path)
    pair, own = authority.issue("server"), authority.issue("client", CLIENT)
    options = ["--tls-cert", str(pair.cert), "--tls-key", str(pair.key), "--tls-client-ca", str(authority.ca)]
    with ServerProcess(tmp_path / "data", *options) as server:
        url, cert = f"https://{server.http}", (str(own.cert), str(own.key))
        with spanhouse.Client(url, ca=authority.ca, cert=cert) as client:
            assert client.services().rows == ()

        async def ask():
            async with spanhouse.AsyncClient(url, ca=authority.ca, cert=cert) as client:
                return (await client.services()).rows

        assert asyncio.run(ask()) == ()
        for known in ({"ca": authority.ca}, {}):
            with spanhouse.Client(url, **known) as stranger, pytest.raises(Unavailable, match="no answer from https:"):
                stranger.services()
        with spanhouse.Client(f"http://{server.http}") as plain, pytest.raises(Unavailable):
            plain.services()
