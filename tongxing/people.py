"""The people of the demonstration town: invented, with numbers that pass their standards' checks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Kind(StrEnum):
    """Whose card it is."""

    CITIZEN = "citizen"
    ENTERPRISE = "enterprise"
    OFFICER = "officer"


@dataclass(frozen=True)
class DemoCard:
    """One virtual card: whose it is, and its demonstration PIN."""

    file_name: str
    kind: Kind
    name: str
    pin: str
    identity_number: str
    enterprise_name: str = ""
    uscc: str = ""
    role: str = ""

    @property
    def holder(self) -> str:
        """How the town's table names the card."""
        return f"{self.enterprise_name} ({self.name})" if self.enterprise_name else self.name

    @property
    def masked_name(self) -> str:
        """The name as a site shows it."""
        return self.name[:1] + "*" * (len(self.name) - 1)

    def renamed(self, file_name: str) -> DemoCard:
        """Return another card of the same holder."""
        return replace(self, file_name=file_name)


LI_MING = DemoCard("liming", Kind.CITIZEN, "李明", "111222", "370202199003078515")
WANG_FANG = DemoCard("wangfang", Kind.CITIZEN, "王芳", "222333", "37020219880512462X")
HAIFENG = DemoCard(
    "haifeng",
    Kind.ENTERPRISE,
    "王芳",
    "333444",
    WANG_FANG.identity_number,
    enterprise_name="青岛海风科技有限公司",
    uscc="91370202MA3HFKJ809",
)
CHEN_JING = DemoCard("chenjing", Kind.OFFICER, "陈静", "444555", "370202198111045441", role="officer")
ZHAO_QIANG = DemoCard("zhaoqiang", Kind.OFFICER, "赵强", "555666", "370202197609213313", role="officer")
SUN_LI = DemoCard("sunli", Kind.OFFICER, "孙丽", "666777", "370202198506176665", role="auditor")
ZHANG_WEI = DemoCard("zhangwei", Kind.CITIZEN, "张伟", "777888", "370202197902283556")

SUBSCRIBERS = (LI_MING, WANG_FANG, HAIFENG)
OFFICERS = (CHEN_JING, ZHAO_QIANG, SUN_LI)
