"""Reading the kernel's tables and ping's words, as a container gives them."""

from dataclasses import dataclass, field
from typing import cast

import pytest

from environment.proofs import inside
from environment.stack.containers import ExecResult, ServiceContainer

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 10001        0 1 1
   1: 030012AC:A0F2 040012AC:0BB8 01 00000000:00000000 02:0000 00000000 10001        0 2 1
   2: 030012AC:A0F4 040012AC:0BB8 06 00000000:00000000 02:0000 00000000 10001        0 3 1
"""
TCP6 = """\
  sl  local_address                         remote_address                        st
   0: 0000000000000000FFFF0000030012AC:1F90 0000000000000000FFFF0000010012AC:C350 01 0:0
   1: 00000000000000000000000001000000:0050 00000000000000000000000001000000:C351 01 0:0
"""
ROUTE = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
eth0\t00000000\t010012AC\t0003\t0\t0\t0\t00000000\t0\t0\t0
"""
PING = """\
PING sts-service (172.18.0.4) 56(84) bytes of data.
64 bytes from sts-service.net (172.18.0.4): icmp_seq=1 ttl=64 time=0.100 ms
64 bytes from sts-service.net (172.18.0.4): icmp_seq=2 ttl=64 time=0.300 ms

--- sts-service ping statistics ---
3 packets transmitted, 2 received, 33% packet loss, time 402ms
"""


@dataclass
class Box:
    """A container that gives one answer."""

    answer: ExecResult
    name: str = "box"
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def exec(self, *argv: str, timeout_s: float = 10) -> ExecResult:
        self.asked.append(argv)
        return self.answer


def box(output: str, exit_code: int = 0) -> ServiceContainer:
    return cast("ServiceContainer", Box(ExecResult(exit_code, output)))


def test_only_established_connections_are_read() -> None:
    expected = inside.TcpConnection("172.18.0.3", 41202, "172.18.0.4", 3000)
    assert inside.parse_tcp_table(TCP) == [expected]


def test_mapped_addresses_count_as_ipv4_and_others_not() -> None:
    expected = inside.TcpConnection("172.18.0.3", 8080, "172.18.0.1", 50000)
    assert inside.parse_tcp_table(TCP6) == [expected]


def test_connection_is_waited_for() -> None:
    assert inside.wait_for_connection(box(TCP), 3000, timeout_s=1).remote_address == "172.18.0.4"


def test_default_gateway() -> None:
    assert inside.parse_default_gateway(ROUTE) == "172.18.0.1"
    assert inside.parse_default_gateway(ROUTE.splitlines()[0]) is None


def test_ping_reads_address_and_round_trips() -> None:
    report = inside.ping(box(PING), "sts-service", count=3)
    assert report == inside.PingReport("172.18.0.4", 3, (0.1, 0.3))
    assert report.average_ms == pytest.approx(0.2)


def test_no_answer_is_infinitely_slow() -> None:
    assert inside.PingReport("172.18.0.4", 3, ()).average_ms == float("inf")


def test_a_name_resolves_to_the_first_address() -> None:
    answer = box("172.18.0.4      sts-service\n172.18.0.5      sts-service\n")
    assert inside.resolve(answer, "sts-service") == "172.18.0.4"


def test_both_ends_tell_of_one_connection() -> None:
    here = inside.TcpConnection("172.18.0.3", 41202, "172.18.0.4", 3000)
    assert here.reversed == inside.TcpConnection("172.18.0.4", 3000, "172.18.0.3", 41202)
    assert here.reversed.reversed == here


def test_a_name_that_does_not_resolve_says_who_asked() -> None:
    broken = box("", 2)
    with pytest.raises(inside.UnreachableError, match=r"box cannot resolve 'nobody'.* with 2"):
        inside.resolve(broken, "nobody")
