"""The site's few sentences, Chinese and English."""

from __future__ import annotations

_TEXTS = {
    "welcome": ("欢迎。登录后即可办理业务。", "Welcome. Log in to use this site."),
    "log-in": ("统一认证登录", "Log in with the city login"),
    "hint": ("使用一卡通或 e证通登录。若已在其他网站登录，无需再次使用证卡。",
             "Log in with your citizen or enterprise card. If you are logged in already, none is needed."),
    "logged-in": ("您已登录", "You are logged in"),
    "name": ("姓名", "Name"),
    "enterprise": ("代表企业", "Acting for"),
    "uscc": ("统一社会信用代码", "Unified social credit code"),
    "sub": ("本站的用户编号", "Your number at this site"),
    "acr": ("认证级别", "Level of the login"),
    "auth-time": ("认证时间", "Time of the login"),
    "log-out": ("退出登录", "Log out"),
    "failed": ("登录未完成", "The login was not completed"),
    "failed-hint": ("没有登录任何人，您可以再试一次。", "Nobody was logged in; you can try again."),
    "cancelled": ("您取消了登录。", "You cancelled the login."),
    "reason": ("错误代码", "Error code"),
    "home": ("返回首页", "Back to the start page"),
    "skip": ("跳到正文", "Skip to the content"),
    "not-found": ("此地址没有内容。", "There is nothing at this address."),
    "refused": ("此请求已过期或来自其他页面，请返回首页重试。",
                "This request has expired or came from another page. Go back and try again."),
    "level-3": ("证卡加 PIN 码", "card and PIN"),
    "zone": ("（北京时间）", " (China Standard Time)"),
    "demo": ("演示网站", "Demonstration site"),
}  # fmt: skip


def text(key: str, language: str) -> str:
    """Return a sentence in a language."""
    return _TEXTS[key][0 if language == "zh" else 1]
