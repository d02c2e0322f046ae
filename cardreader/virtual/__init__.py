"""The virtual PIV card: in memory, in a folder of files, or plugged into a virtual reader of pcscd.

`VirtualCard` answers APDUs as SP 800-73-5 says and as OpenSC expects; `VirtualReader` is a folder of such
cards, one JSON file each, which the agent, the command line and tests share; `VpcdLink` plugs a card into
Debian's vsmartcard-vpcd reader, so that any program sees it through PC/SC.

Reading order: `state`, `private_key`, `card`, `yubico`, `reader`, `vpcd`.
"""

from cardreader.virtual.card import VirtualCard
from cardreader.virtual.reader import VirtualReader, VirtualSlot
from cardreader.virtual.state import CardState
from cardreader.virtual.vpcd import VpcdLink

__all__ = ["CardState", "VirtualCard", "VirtualReader", "VirtualSlot", "VpcdLink"]
