"""An amount of CNY in capital characters (人民币大写), as on Chinese vouchers: 支付结算办法, annex 1."""

DIGITS = "零壹贰叁肆伍陆柒捌玖"
PLACES = ("", "拾", "佰", "仟")
GROUPS = ("", "万", "亿", "万亿", "亿亿")


def capitals(amount_minor: int) -> str:
    """`1234560` fen → 壹万贰仟叁佰肆拾伍元陆角整. Below zero it begins with 负."""
    if amount_minor < 0:
        return "负" + capitals(-amount_minor)
    yuan, fen = divmod(amount_minor, 100)
    jiao, rest = divmod(fen, 10)
    text = f"{_whole(yuan)}元" if yuan or not fen else ""
    if jiao:
        text += f"{DIGITS[jiao]}角"
    elif rest and yuan:
        text += "零"
    return text + (f"{DIGITS[rest]}分" if rest else "整")


def _whole(number: int) -> str:
    """A whole number in groups of four digits; one 零 for zeros between digits."""
    if number == 0:
        return DIGITS[0]
    text, zero, number_left, group = "", False, number, 0
    while number_left:
        number_left, four = divmod(number_left, 10_000)
        if four:
            part = _four(four)
            joined = f"{part}{GROUPS[group]}"
            text = f"{joined}{'零' if zero and text else ''}{text}"
        zero = four < 1_000 if four else zero or bool(text)
        group += 1
    return text


def _four(number: int) -> str:
    """1 … 9999, without zeros at its ends."""
    text, zero = "", False
    for place in range(3, -1, -1):
        digit = number // 10**place % 10
        if digit:
            text += ("零" if zero and text else "") + DIGITS[digit] + PLACES[place]
            zero = False
        else:
            zero = True
    return text
