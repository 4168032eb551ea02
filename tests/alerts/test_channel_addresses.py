"""Addresses of channels: no part of a password becomes a host, none is shown, and long forms are taken."""

import base64

import pytest
from hypothesis import given, strategies as st

from liqcore.alerts.channels import HIDDEN, Channel, ChannelError, Secret, masked
from liqcore.alerts.notify import Notifier, check_channel


def channel(url: str) -> Channel:
    return Channel("phone", Secret(url))


@pytest.mark.parametrize(
    "password", ["p@ss", "pa;ss", "pa#ss", "p@", "#", "a@b;c#d", "pa/ss", "pa?ss", "1/2", "x@y/z"]
)
@pytest.mark.parametrize("scheme", ["mailto", "mailtos"])
def test_a_password_with_a_sign_of_addresses_is_refused_with_how_to_write_it(scheme, password) -> None:
    with pytest.raises(ChannelError) as told:
        check_channel(channel(f"{scheme}://me:{password}@example.com"))
    assert "@ as %40" in str(told.value)
    assert "; as %3B" in str(told.value)
    for piece in (f":{password}@", "example", "me:"):
        assert piece not in str(told.value)


@pytest.mark.parametrize("scheme", ["json", "jsons", "form", "ntfy", "xml"])
@pytest.mark.parametrize("password", ["p@ss", "pa;ss", "pa#ss", "pa/ss"])
def test_so_it_is_for_webhooks(scheme, password) -> None:
    with pytest.raises(ChannelError, match="escaped form"):
        Notifier([channel(f"{scheme}://me:{password}@example.com/here")], hosted=True)


@pytest.mark.parametrize(
    "url",
    [
        "mailto://me:p%40ss%3B%23@example.com",
        "mailtos://me:secret@example.com:587?to=you@example.org&from=Heat%20Lab",
        "mailtos://me:secret@example.com/you@example.org/she@example.org",
        "tgram://123456789:ABCdefGHIjklMNOpqrsTUVwxyz0123456789/12345678",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general",
        "json://127.0.0.1:8080/here",
        "jsons://me:secret@example.com:8443/a/b?x=1",
        "ntfy://topic",
        "ntfys://me:secret@ntfy.example.com/topic",
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
    ],
)
def test_what_is_written_well_is_taken(url) -> None:
    check_channel(channel(url))


@pytest.mark.parametrize(
    "url",
    [
        "https://discord.com/api/webhooks/4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
        "https://discordapp.com/api/webhooks/4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
        "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
    ],
)
def test_a_hosted_app_takes_the_long_addresses_of_discord_and_slack(url) -> None:
    check_channel(channel(url), hosted=True)


@pytest.mark.parametrize(
    "url", ["https://example.com/hook", "https://127.0.0.1/x", "http://discord.com/x", "dbus://"]
)
def test_and_no_others(url) -> None:
    with pytest.raises(ChannelError):
        check_channel(channel(url), hosted=True)


SECRETS = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x24F, exclude_characters="@:/?#;&=,%"), min_size=1
)


@given(user=SECRETS, password=SECRETS, before=st.sampled_from(["", "login ", "b'", "(535, '"]))
def test_secrets_of_any_length_are_masked(user, password, before) -> None:
    one = channel(f"mailtos://{user}:{password}@example.com/path?key={password}")
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    for text in (
        f"{before}{password}' was refused",
        f"mailtos://{user}:{password}@example.com failed",
        f"Authorization: Basic {basic}",
    ):
        said = masked(text, one)
        assert said == "The service did not take the message." or HIDDEN in said
        if len(password) >= 4:
            assert password not in said.replace(HIDDEN, "")
        else:
            assert f":{password}@" not in said
        assert basic not in said
