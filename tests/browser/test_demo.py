"""What somebody sees who runs `make demo`, then `make up`, and opens the page."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import FrameLocator, Locator, Page, expect

from localcloud.airflow_home import PROJECT
from tests.browser.axe import violations
from tests.browser.conftest import PHONE, Airflow, Open

Up = Callable[..., Page]
Keep = Callable[[Page, str], None]

PAGES: Final = (
    *("/", "/keys", "/keys?q=billing&status=Active&age=90", "/accounts", "/accounts/659264941226"),
    *("/findings", "/findings?severity=high", "/deactivations"),
)
DENIED: Final = "logistics-prod"


def drawn(page: Page) -> None:
    """Wait until every chart has been drawn."""
    expect(page.locator("details[data-ready]")).to_have_count(5)
    charts = page.evaluate("Object.values(Chart.instances).filter((chart) => chart.chartArea).length")
    assert charts == page.locator("figure canvas").count()


def figure(page: Page | FrameLocator, label: str) -> int:
    """Read the number of a tile."""
    return int(tile(page, label).locator(".tile-count").inner_text().replace(",", ""))


def tile(page: Page | FrameLocator, label: str) -> Locator:
    """Find a tile by its label."""
    return page.locator(".tile-link").filter(has_text=re.compile(rf"^{label} [0-9,]+$"))


def follow(page: Page, link: Locator) -> None:
    """Click what leads to another page, and wait until that has been loaded.

    A click alone waits until the browser has turned to the next page, whose rows may still be on their way.
    """
    with page.expect_navigation():
        link.click()


def test_overview_shows_the_demo(up: Up, keep_screenshot: Keep) -> None:
    """The figures are the demo's, the account that denies access is named, and what can be drawn is drawn."""
    page = up("/")
    drawn(page)

    assert figure(page, "Keys") == 608
    assert figure(page, "Accounts read") == 12
    assert figure(page, "Root keys") == 1
    notice = page.get_by_role("region", name="1 of 13 accounts was not read")
    expect(notice).to_contain_text(DENIED)
    expect(notice).to_contain_text("access denied: sts:AssumeRole")
    expect(notice).to_contain_text("never read")
    assert page.locator("figure canvas").count() == 4
    expect(page.locator(".chart-empty")).to_have_count(1)  # a trend needs two days
    keep_screenshot(page, "overview-light")


def test_figure_leads_to_the_list_behind_it(up: Up) -> None:
    """Each figure is a link to a list of just as many keys."""
    page = up("/")
    for label in ("Active keys", "Over 90 days old", "Unused for 45 days", "Never used", "Root keys"):
        number = figure(page, label)
        follow(page, tile(page, label))
        expect(page.locator(".total")).to_have_text(f"{number} key{'s' * (number != 1)}")
        page.go_back()


def test_list_is_searched(up: Up) -> None:
    """A part of a name finds users and accounts, Enter sends it, and the address can be shared."""
    page = up("/keys")

    page.get_by_role("searchbox").fill("billing-deploy")
    with page.expect_navigation():
        page.keyboard.press("Enter")

    expect(page).to_have_url(f"{page.url.partition('/keywatch')[0]}/keywatch/keys?q=billing-deploy")
    names = page.locator("td.col-user a").all_inner_texts()
    assert names
    assert all("billing-deploy" in name for name in names)
    expect(page.locator(".total")).to_have_text(f"{len(names)} key{'s' * (len(names) != 1)}")


def test_search_without_a_hit_says_how_to_go_on(up: Up) -> None:
    """A list without a key offers to clear the filters."""
    page = up("/keys?q=nobody-is-called-so")

    expect(page.get_by_role("heading", name="No key matches")).to_be_visible()
    follow(page, page.get_by_role("link", name="Clear the filters"))

    expect(page.locator(".total")).to_have_text("608 keys")


def test_list_is_filtered_and_unfiltered(up: Up) -> None:
    """A choice takes effect at once, is shown as a chip, and the chip takes it away again."""
    page = up("/keys")

    with page.expect_navigation():
        page.get_by_label("Status").select_option("Inactive")
    with page.expect_navigation():
        page.get_by_label("Last used for").select_option("s3")

    assert page.url.endswith("/keys?status=Inactive&service=s3")
    assert set(page.locator("td.col-status").all_inner_texts()) == {"Inactive"}
    assert {text.split()[0] for text in page.locator("td.col-for").all_inner_texts()} == {"s3"}
    follow(page, page.get_by_role("link", name="Remove filter: Inactive"))
    assert page.url.endswith("/keys?service=s3")
    expect(page.get_by_label("Status")).to_have_value("")


def test_list_is_sorted_by_its_headings(up: Up) -> None:
    """A heading sorts, a second click turns the order, and both are announced."""
    page = up("/keys?age=90")

    follow(page, page.locator("th.col-user a"))
    names = page.locator("td.col-user a").all_inner_texts()
    assert len(names) == 50
    assert names == sorted(names)
    expect(page.locator("th.col-user")).to_have_attribute("aria-sort", "ascending")
    follow(page, page.locator("th.col-user a"))

    names = page.locator("td.col-user a").all_inner_texts()
    assert len(names) == 50
    assert names == sorted(names, reverse=True)
    expect(page.locator("th.col-user")).to_have_attribute("aria-sort", "descending")
    assert "age=90" in page.url


def test_list_is_paged_forth_and_back(up: Up) -> None:
    """Thirteen pages hold each of the 608 keys once, and the way back is the same."""
    page = up("/keys")
    pages = [page.locator("td.col-key").all_inner_texts()]
    while page.get_by_role("link", name="Next").count():
        follow(page, page.get_by_role("link", name="Next"))
        pages.append(page.locator("td.col-key").all_inner_texts())

    assert [len(each) for each in pages] == [50] * 12 + [8]
    follow(page, page.get_by_role("link", name="Previous"))
    assert page.locator("td.col-key").all_inner_texts() == pages[-2]


def test_list_is_exported(up: Up, tmp_path: Path) -> None:
    """The export has every key of the list that is shown, and no other."""
    page = up("/keys?status=Active&age=90&sort=user&order=asc")
    expect(page.locator(".total")).to_contain_text("keys")
    counted = int(page.locator(".total").inner_text().split()[0].replace(",", ""))

    with page.expect_download() as download:
        page.get_by_role("link", name="Export CSV").click()
    download.value.save_as(tmp_path / "keys.csv")

    with (tmp_path / "keys.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == counted
    assert {row["status"] for row in rows} == {"Active"}
    assert min(int(row["age_days"]) for row in rows) > 90
    assert download.value.suggested_filename.startswith("access-keys-20")
    expect(page.locator("html")).not_to_have_attribute("data-busy", "")


def test_account_that_was_not_read_says_why(up: Up) -> None:
    """The page of an account that denies access has the reason, what to do, and no figure that looks like none."""
    page = up("/")
    follow(page, page.locator(".notice").get_by_role("link", name=DENIED))

    expect(page.get_by_role("heading", level=1)).to_contain_text(DENIED)
    expect(page.locator(".notice")).to_contain_text("See that there is such a role")
    expect(page.get_by_text("Nothing is known of its keys")).to_be_visible()
    assert page.locator(".tile").count() == 0
    expect(page.locator("table.runs")).to_contain_text("Access denied sts:AssumeRole")


def test_account_and_user_have_pages(up: Up) -> None:
    """From the list of accounts to one of them, to one of its users, and back."""
    page = up("/accounts")
    assert page.locator("tbody tr").count() == 14
    expect(page.locator("tbody tr").first).to_contain_text(DENIED)
    follow(page, page.get_by_role("link", name="payments-prod"))
    assert figure(page, "Keys") == page.locator("td.col-key").count() == 50

    user = page.locator("td.col-user a").first
    name = user.inner_text()
    follow(page, user)

    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page.locator("code.long")).to_have_text(re.compile(rf"^arn:aws:iam::310386073287:user/.*{re.escape(name)}$"))
    follow(page, page.get_by_role("link", name="payments-prod"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("payments-prod")


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [None, PHONE], ids=["desktop", "phone"])
def test_nothing_keeps_anybody_out(up: Up, path: str, theme: str, viewport: dict[str, int] | None) -> None:
    """Axe finds nothing on any page, in either theme, on a desk or on a phone; and nothing scrolls sideways."""
    options: dict[str, Any] = {"viewport": viewport} if viewport else {}
    page = up(path, color_scheme=theme, bypass_csp=True, reduced_motion="reduce", **options)
    expect(page.locator("html")).to_have_attribute("data-theme", theme)

    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_dark_follows_airflow(up: Up, keep_screenshot: Keep) -> None:
    """When Airflow is switched to dark, the page is too, at once, charts included."""
    page = up("/")
    drawn(page)
    light = page.evaluate("Object.values(Chart.instances).at(-1).data.datasets[0].backgroundColor")

    other = page.context.new_page()
    other.goto("/keywatch/accounts")
    other.evaluate("localStorage.setItem('theme', 'dark')")

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    drawn(page)
    assert page.evaluate("Object.values(Chart.instances).at(-1).data.datasets[0].backgroundColor") != light
    keep_screenshot(page, "overview-dark")


def test_phone_shows_keys_as_cards(up: Up, keep_screenshot: Keep) -> None:
    """On a phone, a key is a card with everything that matters, and the filters stay in reach."""
    page = up("/keys?age=90&status=Active", viewport=PHONE, is_mobile=True, has_touch=True)

    first = page.locator("tbody tr").first
    box = first.bounding_box()
    assert box is not None
    assert box["width"] <= PHONE["width"]
    for part in (".col-user", ".col-key", ".col-account", ".col-status", ".col-age", ".col-last_used"):
        expect(first.locator(part)).to_be_visible()
    expect(page.get_by_role("searchbox")).to_be_visible()
    keep_screenshot(page, "keys-phone")


def test_everything_is_done_by_keyboard(up: Up) -> None:
    """From the skip link to a search, to the table of a chart, and to a key's user, without a mouse."""
    page = up("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    summary = page.locator("summary").first
    for _ in range(40):
        page.keyboard.press("Tab")
        if summary.evaluate("(element) => element === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.locator("figure table").first).to_be_visible()

    page.goto("/keywatch/keys")
    page.get_by_role("searchbox").focus()
    page.keyboard.type("billing")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.locator("td.col-user a").first.focus()
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("billing")


def test_page_works_without_javascript(up: Up) -> None:
    """Lists, filters and the tables of the charts need no script."""
    page = up("/", java_script_enabled=False)
    expect(page.locator("figure table").first).to_be_visible()
    assert page.locator("figure table tbody tr").count() > 5

    page.goto("/keywatch/keys")
    page.get_by_label("Status").select_option("Inactive")
    follow(page, page.get_by_role("button", name="Apply"))
    assert set(page.locator("td.col-status").all_inner_texts()) == {"Inactive"}


def test_page_is_in_airflow(airflow: Airflow, open_page: Open, keep_screenshot: Keep) -> None:
    """Airflow's navigation leads to the page, in its frame; its address follows, and a link in it leads Airflow."""
    page = open_page(airflow.url, airflow.token, viewport={"width": 1440, "height": 900})
    page.goto("/")
    page.get_by_role("link", name="Access keys").click()
    frame = page.frame_locator("iframe[title='Access keys']")
    expect(frame.get_by_role("heading", level=1)).to_have_text("Access keys")
    assert figure(frame, "Keys") == 608
    expect(frame.locator("details[data-ready]")).to_have_count(5)
    page.wait_for_timeout(500)
    keep_screenshot(page, "airflow")

    frame.get_by_role("link", name="Keys", exact=True).click()
    expect(frame.get_by_role("heading", level=1)).to_have_text("Keys")
    expect(page).to_have_url(f"{airflow.url}/plugin/access-keys/keywatch/keys")
    with page.expect_download():
        frame.get_by_role("link", name="Export CSV").click()

    page.reload()
    expect(frame.get_by_role("heading", level=1)).to_have_text("Keys")
    frame.get_by_role("link", name="Overview").click()
    frame.get_by_role("link", name="Open the run").click()
    page.wait_for_url("**/dags/access_key_report/runs/**")
    expect(page.get_by_text("verdict").first).to_be_visible()
    expect(page.get_by_text("Not Found")).to_have_count(0)


def test_page_on_paper_has_its_charts_whole(up: Up, tmp_path: Path) -> None:
    """In print, no chart is wider than its card, a list is a table, and the moment of the report is there in full."""
    page = up("/")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.set_viewport_size({"width": 718, "height": 1000})

    figures = page.locator("figure")
    assert figures.evaluate_all("(all) => all.every((each) => each.scrollWidth <= each.clientWidth)")
    time = page.locator(".facts time").first
    said = time.evaluate("(each) => getComputedStyle(each, '::after').content")
    assert time.get_attribute("title") in said
    assert page.locator("table.keys").first.evaluate("(each) => getComputedStyle(each).display") == "table"
    page.pdf(path=tmp_path / "overview.pdf")
    assert (tmp_path / "overview.pdf").stat().st_size > 10_000


def test_screenshots_of_the_readme_are_of_these_pages() -> None:
    """Each picture that the README shows is one that these tests make."""
    shown = {path.stem for path in (PROJECT / "docs" / "images").glob("*.png")}

    portal = {"portal-account", "portal-account-dark"}
    assert shown <= {"overview-light", "overview-dark", "keys-phone", "airflow"} | portal
    assert {"overview-light", "overview-dark"} <= shown
