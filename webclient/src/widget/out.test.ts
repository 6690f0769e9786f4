import assert from "node:assert/strict";
import { test } from "node:test";
import { appOf, wayOut } from "./own/out";
import { inApp } from "./own/place";

const iPhone = (more: string, version = "17_4") =>
  `Mozilla/5.0 (iPhone; CPU iPhone OS ${version} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148${more}`;
const android = (more: string) =>
  `Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/UQ1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/124.0 Mobile Safari/537.36${more}`;

test("browsers inside apps are told from real ones, and by their names", () => {
  for (const [agent, name] of [
    [iPhone(" [FBAN/FBIOS;FBAV/450.0]"), "Facebook"],
    [android(" [FB_IAB/FB4A;FBAV/450.0]"), "Facebook"],
    [iPhone(" [FBAN/MessengerForiOS;FBAV/450.0]"), "Messenger"],
    [iPhone(" Instagram 320.0.2 (iPhone15,2)"), "Instagram"],
    [android(" Instagram 320.0 Android"), "Instagram"],
    [iPhone(" [LinkedInApp]/9.29"), "LinkedIn"],
    [iPhone(""), ""], // Gmail and other mail programs on iPhones
  ] as const) {
    assert.ok(inApp(agent), agent);
    assert.equal(appOf(agent), name, agent);
  }
  for (const agent of [
    iPhone(" Safari/604.1").replace("Mobile", "Version/17.4 Mobile"),
    "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0 Mobile Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0",
  ]) {
    assert.ok(!inApp(agent), agent);
  }
});

test("the way out names the page and nothing that is not for the server", () => {
  const page = "https://gw.example.org/talk/abc-DEF_1?x=1#secret";
  assert.equal(
    wayOut(android(" Instagram"), page),
    "intent://gw.example.org/talk/abc-DEF_1?x=1#Intent;scheme=https;action=android.intent.action.VIEW;category=android.intent.category.BROWSABLE;end",
  );
  assert.equal(wayOut(iPhone(""), page), "x-safari-https://gw.example.org/talk/abc-DEF_1?x=1");
  assert.equal(wayOut(iPhone("", "15_2"), page), "");
  assert.equal(wayOut("Mozilla/5.0 (X11; Linux x86_64)", page), "");
  assert.equal(wayOut(android(""), "about:blank"), "");
});
