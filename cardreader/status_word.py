"""Status words (ISO/IEC 7816-4 clause 5.6, SP 800-73 part 2 appendix): each named and explained."""

from __future__ import annotations

from enum import IntEnum

from cardreader.errors import CardError


class StatusWord(IntEnum):
    """The status words a PIV card may end a response with."""

    SUCCESS = 0x9000
    VERIFICATION_FAILED = 0x6300
    EXECUTION_ERROR = 0x6400
    CANCELLED_ON_READER = 0x6401
    MEMORY_FAILURE = 0x6581
    WRONG_LENGTH = 0x6700
    LOGICAL_CHANNEL_NOT_SUPPORTED = 0x6881
    SECURE_MESSAGING_NOT_SUPPORTED = 0x6882
    CHAINING_NOT_SUPPORTED = 0x6884
    SECURITY_STATUS_NOT_SATISFIED = 0x6982
    AUTHENTICATION_METHOD_BLOCKED = 0x6983
    CONDITIONS_NOT_SATISFIED = 0x6985
    SECURE_MESSAGING_OBJECTS_MISSING = 0x6987
    SECURE_MESSAGING_OBJECTS_WRONG = 0x6988
    INCORRECT_DATA = 0x6A80
    FUNCTION_NOT_SUPPORTED = 0x6A81
    NOT_FOUND = 0x6A82
    NOT_ENOUGH_MEMORY = 0x6A84
    INCORRECT_P1_P2 = 0x6A86
    REFERENCE_NOT_FOUND = 0x6A88
    INSTRUCTION_NOT_SUPPORTED = 0x6D00
    CLASS_NOT_SUPPORTED = 0x6E00
    UNSPECIFIED_ERROR = 0x6F00


ATTEMPTS_REMAINING = 0x63C0  # 63Cx: verification failed, x further tries
MORE_DATA = 0x6100  # 61xx: xx further bytes wait for GET RESPONSE
WRONG_LE = 0x6C00  # 6Cxx: repeat the command with Le = xx

_EXPLANATIONS: dict[StatusWord, tuple[str, str]] = {
    StatusWord.SUCCESS: ("the card did it", "操作成功"),
    StatusWord.VERIFICATION_FAILED: ("the card did not accept the PIN or key", "卡不接受该 PIN 码或密钥"),
    StatusWord.EXECUTION_ERROR: ("the card or the PIN pad gave up, or timed out", "卡或密码键盘出错或超时"),
    StatusWord.CANCELLED_ON_READER: ("cancelled on the reader's PIN pad", "已在读卡器密码键盘上取消"),
    StatusWord.MEMORY_FAILURE: ("the card's memory failed: replace the card", "卡的存储器故障，请换卡"),
    StatusWord.WRONG_LENGTH: ("the card does not take data of this length", "数据长度不正确"),
    StatusWord.LOGICAL_CHANNEL_NOT_SUPPORTED: ("the card has one channel only", "卡不支持逻辑通道"),
    StatusWord.SECURE_MESSAGING_NOT_SUPPORTED: ("the card has no secure messaging", "卡不支持安全报文"),
    StatusWord.CHAINING_NOT_SUPPORTED: ("the card does not take long commands", "卡不支持命令链"),
    StatusWord.SECURITY_STATUS_NOT_SATISFIED: (
        "the card wants its PIN or management key first",
        "需要先验证 PIN 码或管理密钥",
    ),
    StatusWord.AUTHENTICATION_METHOD_BLOCKED: ("the PIN or PUK is blocked", "PIN 码或 PUK 码已锁定"),
    StatusWord.CONDITIONS_NOT_SATISFIED: ("the card cannot do this now", "卡的当前状态不允许此操作"),
    StatusWord.SECURE_MESSAGING_OBJECTS_MISSING: ("secure messaging data is missing", "缺少安全报文数据"),
    StatusWord.SECURE_MESSAGING_OBJECTS_WRONG: ("secure messaging data is wrong", "安全报文数据不正确"),
    StatusWord.INCORRECT_DATA: ("the card does not understand the data", "卡不接受该数据"),
    StatusWord.FUNCTION_NOT_SUPPORTED: ("the card does not have this function", "卡不支持此功能"),
    StatusWord.NOT_FOUND: ("the card does not hold this application or object", "卡上没有此应用或数据"),
    StatusWord.NOT_ENOUGH_MEMORY: ("the card is full", "卡的存储空间不足"),
    StatusWord.INCORRECT_P1_P2: ("the card does not know this slot or algorithm", "卡不支持此槽位或算法"),
    StatusWord.REFERENCE_NOT_FOUND: ("the card holds no such key or PIN", "卡上没有此密钥或 PIN 码"),
    StatusWord.INSTRUCTION_NOT_SUPPORTED: ("the card does not know this command", "卡不支持此命令"),
    StatusWord.CLASS_NOT_SUPPORTED: ("the card does not know this class of commands", "卡不支持此类命令"),
    StatusWord.UNSPECIFIED_ERROR: ("the card failed without saying why", "卡出错，原因不明"),
}


class StatusWordError(CardError):
    """A status word other than success, explained; `status_word` is the number."""

    def __init__(self, status_word: int) -> None:
        meaning, meaning_zh = explain(status_word)
        super().__init__(
            f"The card answered {status_word:04X}: {meaning}.",
            f"卡返回 {status_word:04X}：{meaning_zh}。",
            code=f"status-{status_word:04x}",
        )
        self.status_word = status_word


def explain(status_word: int) -> tuple[str, str]:
    """What a status word means, in English and in Chinese; unknown ones by their class."""
    if (tries := attempts_remaining(status_word)) is not None:
        return f"wrong PIN or PUK, {tries} tries left", f"PIN 码或 PUK 码错误，还可以再试 {tries} 次"
    try:
        return _EXPLANATIONS[StatusWord(status_word)]
    except ValueError:
        return _explain_class(status_word)


def attempts_remaining(status_word: int) -> int | None:
    """The tries left that a 63Cx says, or None for any other status word."""
    return status_word & 0x0F if status_word & 0xFFF0 == ATTEMPTS_REMAINING else None


def check_status(status_word: int) -> None:
    """Raise the explained error unless the status word is success."""
    if status_word != StatusWord.SUCCESS:
        raise StatusWordError(status_word)


def _explain_class(status_word: int) -> tuple[str, str]:
    """What the first byte alone says (ISO/IEC 7816-4 table 5)."""
    meanings = {
        0x61: ("more data waits on the card", "卡上还有数据"),
        0x62: ("a warning; nothing was changed on the card", "警告：卡上数据未改变"),
        0x63: ("a warning; something was changed on the card", "警告：卡上数据已改变"),
        0x64: ("an execution error; nothing was changed on the card", "执行出错：卡上数据未改变"),
        0x65: ("an execution error; something was changed on the card", "执行出错：卡上数据已改变"),
        0x66: ("a security issue on the card", "卡的安全错误"),
        0x68: ("this form of command is not supported", "不支持此命令形式"),
        0x69: ("the command is not allowed now", "当前不允许此命令"),
        0x6A: ("wrong parameters", "参数错误"),
        0x6C: ("the length of the answer was wrongly announced", "应答长度不正确"),
    }
    return meanings.get(status_word >> 8, ("a status word no standard explains", "标准中没有此状态字"))
