"""What is known of a cluster's nodes, what is said of them, and whose fault a lost worker is."""

from dataclasses import replace

import pytest

from orchestrator.execution.cluster_nodes import ClusterNode
from orchestrator.execution.losses import MAX_GONE, MAX_LOST, LossCause, Losses
from orchestrator.execution.node_book import NodeBook

FAULT = "node 10.0.0.3 (c) is left out: it has torch 2.1"


def node(name: str, gpus: int = 0, kind: str = "", cores: int = 4) -> ClusterNode:
    resources = {"CPU": cores, "GPU": gpus} | ({f"accelerator_type:{kind}": 1.0} if kind else {})
    return ClusterNode.counted(name, f"10.0.0.{name}", resources, alive=True)


HEAD, FIRST, SECOND, BAD = node("0", cores=0), node("1", 1, "T4"), node("2", 2, "T4"), node("3", 4, "T4")
OTHER, CORES = node("4", 1, "A10G"), node("5")


def book_of(*nodes: ClusterNode) -> NodeBook:
    book = NodeBook(is_for_gpus=True, gpu_type="T4")
    for each in nodes:
        book.begin(each, FAULT if each is BAD else "")
    return book


def test_the_headline_counts_the_nodes_that_train() -> None:
    """Catches idle GPUs, heads and nodes left out that are counted as if they trained."""
    assert NodeBook().headline() == ""
    book = book_of(HEAD, FIRST, SECOND, BAD, OTHER, CORES)
    assert book.headline() == "on 2 nodes with 3 GPUs (1 left out)"
    book.see([HEAD, replace(FIRST, alive=False), SECOND, BAD])
    assert book.headline() == "on 1 node with 2 GPUs (1 gone, 1 left out)"
    on_cores = NodeBook()
    on_cores.begin(CORES, "")
    assert on_cores.headline() == "on 1 node"


def test_what_becomes_of_nodes_is_said_once() -> None:
    """Catches a sentence per tick, and one of a node on which nothing trained."""
    book = book_of(HEAD, FIRST)
    assert book.see([HEAD, FIRST, SECOND, BAD, OTHER]) == [SECOND, BAD, OTHER] and book.is_waiting()
    assert book.see([HEAD, FIRST, SECOND, BAD, OTHER]) == [] and book.news() == []
    for late, sentence in ((SECOND, ""), (BAD, FAULT), (OTHER, "")):
        book.judge(late.node_id, sentence)
    assert book.news() == ["node 10.0.0.2 (2 GPUs) has joined", FAULT] and book.news() == []
    assert book.left_out() == ("3",) and not book.is_waiting()
    book.see([HEAD, SECOND])
    book.see([HEAD, SECOND])
    (gone,) = book.news()
    assert gone.startswith("node 10.0.0.1 is gone") and book.is_gone("1") and not book.is_gone("2")


def test_a_node_that_goes_before_it_is_judged_is_waited_for_no_more() -> None:
    """Catches a black hole that excuses every loss for ever after."""
    book = book_of(FIRST)
    book.see([FIRST, SECOND])
    book.see([FIRST])
    assert not book.is_waiting()
    book.judge("2", "node 10.0.0.2 is left out: nothing can be run there (no answer)")
    assert book.news() == []


def test_workers_that_die_again_and_again_give_a_task_up() -> None:
    """Catches endless retries of a trial that kills its worker, with a cluster and without."""
    for book, place in ((NodeBook(), ""), (book_of(FIRST), "1")):
        losses = Losses(book)
        for _ in range(MAX_LOST):
            losses.runs_on("t", place)
            assert losses.lose("t") is LossCause.WORKER and not losses.is_given_up("t")
        assert losses.lose("t") is LossCause.WORKER and losses.is_given_up("t")
        assert not losses.is_given_up("another") and losses.reason("t") == "its worker was lost 4 times"


@pytest.mark.parametrize("is_known_at_once", [True, False])
def test_nodes_that_are_gone_are_no_fault_of_a_task(is_known_at_once: bool) -> None:
    """Catches spot machines that end a trial; a worker may be missed some time before its node is."""
    book = NodeBook()
    losses = Losses(book)
    for number in range(MAX_GONE):
        book.begin(node(str(number)), "")
        losses.runs_on("t", str(number))
        if is_known_at_once:
            book.see([])
        assert losses.lose("t") is (LossCause.NODE if is_known_at_once else LossCause.WORKER)
        book.see([])
        assert not losses.is_given_up("t")
    losses.lose("t")
    assert losses.is_given_up("t") and losses.reason("t") == f"more than {MAX_GONE} nodes were lost"


def test_what_comes_to_a_node_that_is_left_out_is_no_loss() -> None:
    """Catches trials given up since a node on which nothing can begin is free, and takes them all."""
    book = book_of(FIRST)
    losses = Losses(book)
    book.see([FIRST, BAD])
    for _ in range(MAX_LOST + 1):
        assert losses.lose("t") is LossCause.LEFT_OUT
    book.judge("3", FAULT)
    assert losses.lose("t") is LossCause.LEFT_OUT, "it was put there before the verdict"
    assert losses.lose("t") is LossCause.WORKER
    for _ in range(MAX_LOST + 1):
        losses.runs_on("t", "3")
        assert losses.lose("t") is LossCause.LEFT_OUT
    assert not losses.is_given_up("t")


def test_whether_a_node_is_left() -> None:
    """Catches a run that ends while a node is being looked at, or waits for those that nothing may run on."""
    book = book_of(HEAD, FIRST, BAD, OTHER, CORES)
    assert book.is_any_left()
    late = node("9", 1, "T4")
    book.see([HEAD, BAD, OTHER, CORES])
    assert not book.is_any_left()
    book.see([HEAD, BAD, OTHER, CORES, late])
    assert book.is_any_left()
    book.judge(late.node_id, FAULT)
    assert not book.is_any_left()
