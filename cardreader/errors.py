"""The errors of cardreader/: each has a code, and says in English and in Chinese what to do next.

The codes are those of the agent's answers, so a page, the shell and a test name a fault alike.
"""

from __future__ import annotations


class CardError(Exception):
    """Something went wrong with a card, a reader or a request to them.

    `code` is the word programs read; `message` and `message_zh` are for the person and say what to do.
    Neither ever holds a PIN, a key or the content of a command.
    """

    code = "card-error"

    def __init__(self, message: str, message_zh: str = "", *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.message_zh = message_zh or message
        if code is not None:
            self.code = code

    def text(self, language: str) -> str:
        """The message in a language: `zh`, or anything else for English."""
        return self.message_zh if language == "zh" else self.message


# --- the way to the card ---------------------------------------------------------------------------------


class ReaderError(CardError):
    """A fault between this machine and the card."""


class ServiceUnavailableError(ReaderError):
    """The machine's smart card service does not answer."""

    code = "no-service"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The smart card service of this machine does not answer ({reason}). On Linux install and start "
            "pcscd; on Windows start the service 'Smart Card'. Then try again.",
            "本机的智能卡服务没有响应。请安装并启动 pcscd（Windows 上请启动“Smart Card”服务），然后重试。",
        )


class NoReaderError(ReaderError):
    """No card reader is connected, or none of the name asked for."""

    code = "no-reader"

    def __init__(self, name: str | None = None) -> None:
        wanted = f" named {name!r}" if name else ""
        super().__init__(
            f"No card reader{wanted} was found. Connect a reader and try again.",
            "没有找到读卡器。请连接读卡器后重试。",
        )


class NoCardError(ReaderError):
    """There is a reader, but no card in it (or not the one asked for)."""

    code = "no-card"

    def __init__(self, message: str = "", message_zh: str = "") -> None:
        super().__init__(
            message or "There is no card in the reader. Insert your card and try again.",
            message_zh or "读卡器中没有卡。请插入您的卡后重试。",
        )


class CardRemovedError(ReaderError):
    """The card left the reader in the middle of an operation."""

    code = "card-removed"

    def __init__(self) -> None:
        super().__init__(
            "The card was removed before the operation was complete. Insert it again and repeat the step; "
            "nothing was signed.",
            "操作完成之前卡被拔出。请重新插入卡并重复此步骤；没有生成任何签名。",
        )


class CardBusyError(ReaderError):
    """Another program holds the card."""

    code = "card-busy"

    def __init__(self, holder: str = "Another program") -> None:
        super().__init__(
            f"{holder} is using the card. Close it, or wait a moment, and try again.",
            "另一个程序正在使用此卡。请关闭该程序或稍候重试。",
        )


# --- what the card says ----------------------------------------------------------------------------------


class ProtocolError(CardError):
    """Bytes that do not follow ISO/IEC 7816-4 or SP 800-73."""

    code = "bad-answer"


class TlvError(ProtocolError):
    """Bytes that are not BER-TLV (ISO/IEC 7816-4 clause 6)."""

    code = "bad-tlv"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The card's data cannot be read: {reason}. Try another reader; if that does not help, replace "
            "the card.",
            "无法读取卡中的数据。请换一个读卡器再试；如仍失败，请更换卡。",
        )


class ApduError(ProtocolError):
    """Bytes that are not a command or a response (ISO/IEC 7816-4 clause 5)."""

    code = "bad-apdu"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The exchange with the card broke down: {reason}. Take the card out, insert it again and retry.",
            "与卡的通信出错。请拔出卡，重新插入后重试。",
        )


class NotPivError(CardError):
    """The card in the reader has no PIV application."""

    code = "not-a-piv-card"

    def __init__(self) -> None:
        super().__init__(
            "This card has no PIV application. Insert the card the city issued to you.",
            "此卡没有 PIV 应用。请插入市里发给您的卡。",
        )


class PinError(CardError):
    """A PIN or PUK that the card, or the standard's format, did not accept."""


class PinFormatError(PinError):
    """Not a PIN: SP 800-73 part 2, 2.4.3 has six to eight digits."""

    code = "pin-format"

    def __init__(self) -> None:
        super().__init__("A PIN is six to eight digits.", "PIN 码由 6 到 8 位数字组成。")


class PukFormatError(PinError):
    """Not a PUK: eight bytes, here eight printable characters."""

    code = "puk-format"

    def __init__(self) -> None:
        super().__init__("A PUK is eight characters.", "PUK 码由 8 个字符组成。")


class PinWrongError(PinError):
    """The card refused the PIN and has tries left."""

    code = "pin-wrong"

    def __init__(self, attempts_remaining: int) -> None:
        tries = "1 try" if attempts_remaining == 1 else f"{attempts_remaining} tries"
        super().__init__(
            f"Wrong PIN: {tries} left before the card is blocked.",
            f"PIN 码错误：还可以再试 {attempts_remaining} 次，之后卡将被锁定。",
        )
        self.attempts_remaining = attempts_remaining


class PinBlockedError(PinError):
    """The PIN has no tries left: the way on is the PUK."""

    code = "pin-blocked"
    attempts_remaining = 0

    def __init__(self) -> None:
        super().__init__(
            "The PIN of this card is blocked. Unblock it with the PUK from your PIN letter "
            "(`card unblock`), or at a service desk.",
            "此卡的 PIN 码已锁定。请使用密码信封中的 PUK 码解锁（card unblock），或到服务窗口办理。",
        )


class PukWrongError(PinError):
    """The card refused the PUK and has tries left."""

    code = "puk-wrong"

    def __init__(self, attempts_remaining: int) -> None:
        tries = "1 try" if attempts_remaining == 1 else f"{attempts_remaining} tries"
        super().__init__(
            f"Wrong PUK: {tries} left; after that the card must be replaced.",
            f"PUK 码错误：还可以再试 {attempts_remaining} 次，之后只能换卡。",
        )
        self.attempts_remaining = attempts_remaining


class PukBlockedError(PinError):
    """The PUK has no tries left: the card must be replaced."""

    code = "puk-blocked"
    attempts_remaining = 0

    def __init__(self) -> None:
        super().__init__(
            "The PUK of this card is blocked: the card must be replaced at a service desk.",
            "此卡的 PUK 码已锁定：请到服务窗口换卡。",
        )


class ManagementKeyError(CardError):
    """The card did not accept the management key."""

    code = "management-key-wrong"

    def __init__(self) -> None:
        super().__init__(
            "The card did not accept the management key. Check that it is this card's key and its algorithm.",
            "卡不接受该管理密钥。请检查密钥及其算法是否属于此卡。",
        )


class NoCertificateError(CardError):
    """No certificate where one is needed."""

    code = "no-certificate"

    def __init__(self, message: str = "", message_zh: str = "") -> None:
        super().__init__(
            message or "There is no suitable certificate on the card. Insert another card, or visit a desk.",
            message_zh or "卡上没有合适的证书。请插入另一张卡，或到服务窗口办理。",
        )


class UnsupportedError(CardError):
    """Something this card, or this kind of key, cannot do."""

    code = "unsupported"


class PersonalizationError(CardError):
    """A card could not be personalised; the message says where it stands and how to go on."""

    code = "personalization-failed"


class VirtualCardError(CardError):
    """A virtual card's file cannot be used."""

    code = "virtual-card-file"


# --- the person and the page -----------------------------------------------------------------------------


class UserCancelledError(CardError):
    """The person said no, or closed the window."""

    code = "user-cancelled"

    def __init__(self) -> None:
        super().__init__(
            "Cancelled: nothing was signed. Start again when you are ready.",
            "已取消：没有生成任何签名。您可以随时重新开始。",
        )


class PromptTimeoutError(CardError):
    """Nobody answered the PIN prompt."""

    code = "prompt-timeout"

    def __init__(self) -> None:
        super().__init__(
            "Nobody answered the card window in time. Start again; if no window appeared, allow pop-up "
            "windows for this site.",
            "卡窗口等待超时。请重新开始；如果没有出现窗口，请允许本网站弹出窗口。",
        )


class PromptUnavailableError(CardError):
    """There is no safe way to ask for the PIN here."""

    code = "no-prompt"

    def __init__(self, message: str, message_zh: str) -> None:
        super().__init__(message, message_zh)


class BadRequestError(CardError):
    """A request to the agent that does not follow its interface."""

    code = "bad-request"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The page sent a request the card agent does not accept: {reason}.",
            "网页发来的请求不符合卡代理的接口。",
        )


class OriginRefusedError(CardError):
    """A page that may not use the agent."""

    code = "origin-refused"

    def __init__(self, origin: str) -> None:
        super().__init__(
            f"The site {origin[:255]!r} may not use the card agent. If it should, add it to the agent's list "
            "of origins.",
            "此网站不在卡代理的允许列表中。如确需使用，请将其加入列表。",
        )


class TooManyRequestsError(CardError):
    """More requests than a person can mean."""

    code = "too-many-requests"

    def __init__(self) -> None:
        super().__init__(
            "Too many requests to the card agent. Wait a minute and try again.",
            "对卡代理的请求过于频繁。请一分钟后再试。",
        )


class SettingsError(CardError):
    """Settings that cannot be used: every mistake at once."""

    code = "settings"

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes
