"""Kept replies follow the rules: they are given to nobody else, and nothing leaves because of them."""

from amalfa.errors import AmalfaError
from tests.privacy.house import FLAGS, SOURCES, Folders, Upstreams, sonar


async def test_a_private_reply_is_kept_here_and_given_again_without_a_hop(world: Upstreams, folders: Folders) -> None:
    async with sonar(folders, world, {"cache": True}) as served:
        for source in SOURCES:
            first = await served.run_source(source, FLAGS["no flag"])
            asked = world.stayed()
            again = await served.run_source(source, FLAGS["no flag"])
            assert not isinstance(first, AmalfaError)
            assert not isinstance(again, AmalfaError)
            if first.route.cache == "miss":
                assert again.route.cache == "hit"
                assert world.stayed() == asked
            assert again.route.left_machine is None
    assert world.stayed() > 0
    assert world.leaks() == []
