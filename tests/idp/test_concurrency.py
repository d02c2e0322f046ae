"""Many at once: exactly one wins."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from tests.idp.harness import csrf_of

ATTEMPTS = 50


def all_at_once(work, count: int = ATTEMPTS) -> list:
    """Run the work in as many threads, released together."""
    barrier = threading.Barrier(count)

    def run(_):
        barrier.wait()
        return work()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_fifty_redemptions_of_one_code_have_one_winner(any_op):
    site, visitor = any_op.site(), any_op.visitor()
    code = visitor.authorize(site)["code"]
    responses = all_at_once(lambda: site.redeem(code))
    statuses = sorted(response.status_code for response in responses)
    assert statuses == [200] + [400] * (ATTEMPTS - 1)
    assert {response.json["error"] for response in responses if response.status_code == 400} == {
        "invalid_grant"
    }
    winner = next(response.json for response in responses if response.status_code == 200)
    header = {"Authorization": f"Bearer {winner['access_token']}"}
    assert visitor.get("/userinfo", headers=header).status_code == 401, "a replay revokes what was issued"


def test_one_card_answer_posted_many_times_logs_in_once(any_op):
    site, visitor = any_op.site(), any_op.visitor()
    path = visitor.start(site).headers["Location"]
    token = csrf_of(visitor.get(path).text)
    cookie = visitor.get_cookie("__Host-tx_idp").value

    def post():
        other = any_op.visitor()
        other.set_cookie("__Host-tx_idp", cookie)
        return other.post(path, data={"card_token": "wang", "csrf_token": token})

    statuses = sorted(response.status_code for response in all_at_once(post, 20))
    assert statuses == [303] + [403] * 19
    assert [action for action, _, _ in any_op.audit()].count("login.succeeded") == 1


def test_audit_stays_one_chain_under_load(any_op):
    site = any_op.site()
    visitors = [any_op.visitor() for _ in range(16)]
    waiting = iter(visitors)
    lock = threading.Lock()

    def flow():
        with lock:
            visitor = next(waiting)
        return visitor.authorize(site)

    answers = all_at_once(flow, 16)
    assert len({answer["code"] for answer in answers}) == 16
    assert [action for action, _, _ in any_op.audit()].count("authorization.granted") == 16
