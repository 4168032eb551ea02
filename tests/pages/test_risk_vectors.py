"""Published worked examples, typed into the risk page: its liquidation prices are theirs, to the cent."""

import pytest
from test_pages import open_page

# Nothing but what the example says: no fees, no tick, no noise, no smallest order.
PLAIN = dict(
    help="true",
    fee="0",
    exitfee="0",
    slippage="0",
    tick="0",
    smallest="0",
    atr="",
    markgap="",
    fundingrate="0",
)
OWN = dict(PLAIN, brackets="own", leverage="25")


def filled(query, private, *, risk="size", account="USD"):
    app = open_page("risk.py", **query)
    if risk != "percent":
        app.button_group(key="riskkind").set_value(risk).run()
    if account != "USD":
        app.button_group(key="accountin").set_value(account).run()
    for key, text in private.items():
        app.text_input(key=key).set_value(text)
    app.run()
    assert not app.exception
    assert not [item.value for item in app.error if "cannot be read" in item.value]
    return app


def steps(app) -> dict[str, float]:
    (table,) = [frame.value for frame in app.dataframe if list(frame.value.columns) == ["Step", "Value"]]
    return dict(zip(table["Step"], table["Value"], strict=True))


def told(app, words: str) -> float:
    (found,) = [float(value) for step, value in steps(app).items() if step.startswith(words)]
    return found


WALLET = "1,535,443.01"
ETH = dict(
    OWN,
    margin="cross",
    entry="1,456.84",
    stop="1,300",
    targets="1,900",
    maintenance="10",
    maintamount="135,365",
)
LINEAR = [
    pytest.param(ETH, {"quantity": "3,683.979", "account": WALLET}, 1_114.78, id="V1"),
    pytest.param(
        dict(
            OWN,
            margin="cross",
            entry="32,481.98",
            stop="30,000",
            targets="36,000",
            maintenance="2.5",
            maintamount="16,300",
        ),
        {"quantity": "109.4880", "account": WALLET},
        18_778.73,
        id="V2",
    ),
    pytest.param(
        ETH,
        {
            "quantity": "3,683.979",
            "account": WALLET,
            "othermaintenance": "71,200.81",
            "otherpnl": "-56,354.57",
        },
        1_153.26,
        id="V3",
    ),
    pytest.param(
        dict(
            OWN,
            entry="20,000",
            stop="19,900",
            targets="21,000",
            leverage="50",
            maintenance="0.5",
            basis="entry",
        ),
        {"quantity": "1", "account": "10,000"},
        19_700,
        id="V8",
    ),
    pytest.param(
        dict(
            OWN,
            direction="short",
            entry="28,000",
            stop="28,050",
            targets="27,000",
            leverage="100",
            maintenance="0.4",
            basis="entry",
        ),
        {"quantity": "0.005", "account": "10,000"},
        28_168,
        id="V14",
    ),
    pytest.param(
        dict(
            OWN,
            direction="short",
            margin="cross",
            entry="3,800",
            stop="3,900",
            targets="3,000",
            maintenance="1",
            closingfee="0.06",
        ),
        {"quantity": "1", "account": "859.56"},
        4_610.7,
        id="V17",
    ),
]


@pytest.mark.parametrize(("query", "private", "price"), LINEAR)
def test_a_published_example_is_right_to_the_cent(query, private, price) -> None:
    app = filled(query, private)
    # Sources round to the digits they print: a tenth of a dollar for V17.
    assert told(app, "Liquidation price") == pytest.approx(price, abs=0.05 if price == 4_610.7 else 0.005)
    if "quantity" in private:
        assert told(app, "Quantity") == pytest.approx(float(private["quantity"].replace(",", "")), abs=1e-12)


@pytest.mark.parametrize(
    ("direction", "stop", "target", "price"),
    [("long", "9", "12", 8.0857085), ("short", "11", "8", 11.8741342)],
    ids=["V19", "V20"],
)
def test_the_closing_fee_of_okx_and_gate_is_maintenance(direction, stop, target, price) -> None:
    query = dict(
        OWN, direction=direction, entry="10", stop=stop, targets=target, leverage="5", maintenance="1"
    )
    app = filled(query | {"closingfee": "0.06"}, {"quantity": "1", "account": "100"})
    assert told(app, "Liquidation price") == pytest.approx(price, abs=5e-7)


def test_a_coin_margined_cross_position() -> None:
    """V5: 100,000 contracts of 100 USD at 45,000 on 101 BTC: 33,599.42 by the formula of its source, which
    prints .40."""
    query = dict(
        OWN,
        contract="inverse",
        margin="cross",
        entry="45,000",
        stop="42,000",
        targets="50,000",
        maintenance="12.5",
        maintamount="11.6050",
    )
    app = filled(query, {"contracts": "10,000,000", "accountbtc": "101"}, account="BTC")
    assert told(app, "Liquidation price") == pytest.approx(33_599.42, abs=0.005)


def test_the_maintenance_amount_of_a_bracket_and_the_margin_of_a_coin_margined_one() -> None:
    """V6: 250,000·(1 % − 0.5 %) + 50 = 1,300. V7: 100 contracts of 100 USD at 25,000 and 0.4 % need 0.0016
    BTC."""
    query = dict(
        PLAIN,
        brackets="binance-btcusdt-2021-03-18",
        leverage="10",
        entry="30,000",
        stop="29,700",
        targets="33,000",
    )
    app = filled(query, {"quantity": "20", "account": "1,000,000"})
    assert told(app, "Maintenance amount of that bracket") == pytest.approx(1_300)
    assert 250_000 < 20 * told(app, "Liquidation price") < 1_000_000
    coin = dict(
        OWN,
        contract="inverse",
        margin="cross",
        entry="27,500",
        stop="27,000",
        targets="30,000",
        maintenance="0.4",
    )
    backing = 10_000 * 1.004 / 25_000 - 10_000 / 27_500
    app = filled(coin, {"contracts": "10,000", "accountbtc": f"{backing:.12f}"}, account="BTC")
    assert told(app, "Liquidation price") == pytest.approx(25_000, abs=0.005)
    assert told(app, "Check: maintenance margin") == pytest.approx(0.0016, abs=1e-9)


def test_the_bankruptcy_price() -> None:
    """V11: a long of 50× from 10,000 is bankrupt at 9,800."""
    query = dict(OWN, entry="10,000", stop="9,950", targets="11,000", leverage="50", maintenance="0.5")
    app = filled(query, {"quantity": "1", "account": "10,000"})
    (shown,) = [item.value for item in app.metric if item.label == "Bankruptcy"]
    assert shown.replace("\\", "") == "$9,800"
