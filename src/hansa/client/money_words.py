"""What obligations and funds are called, for people: (zh, en) by the name that the ledger has."""

CAUSES = {
    "statement": ("结算单", "statement"),
    "correction": ("更正", "correction"),
    "security_deposit": ("保证金", "security deposit"),
    "prepayment": ("预付款", "prepayment"),
    "earnest_money": ("定金", "earnest money"),
    "return": ("退还", "return"),
    "interest": ("逾期利息", "interest"),
    "damages": ("赔偿", "damages"),
    "other": ("其他", "other"),
}
"""Why something is owed; the kinds of funds among them."""
FUND_STATES = {
    "open": ("在用", "open"),
    "returned": ("已退还", "returned"),
    "forfeited": ("已没收", "forfeited"),
    "doubled": ("双倍返还", "returned double"),
}
