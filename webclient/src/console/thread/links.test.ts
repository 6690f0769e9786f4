import assert from "node:assert/strict";
import { test } from "node:test";
import { partsOf } from "./links";

const links = (text: string) => partsOf(text).flatMap((p) => (p.href ? [[p.text, p.href]] : []));

test("addresses are found without the sentence around them", () => {
  const cases: [string, [string, string][]][] = [
    ["nothing here", []],
    ["see https://a.example/x?y=1#z.", [["https://a.example/x?y=1#z", "https://a.example/x?y=1#z"]]],
    ["(http://a.example/b)", [["http://a.example/b", "http://a.example/b"]]],
    ["https://a.example/w_(x), then", [["https://a.example/w_(x)", "https://a.example/w_(x)"]]],
    ["www.kolbe.example!", [["www.kolbe.example", "https://www.kolbe.example/"]]],
    [
      "to jana.b+1@mail.nordwind.example.",
      [["jana.b+1@mail.nordwind.example", "mailto:jana.b+1@mail.nordwind.example"]],
    ],
    ["„https://a.example“", [["https://a.example", "https://a.example/"]]],
    ["https://", []],
    ["a@b", []],
  ];
  for (const [text, want] of cases) assert.deepEqual(links(text), want, text);
});

test("nothing but http, https and mailto becomes a link", () => {
  for (const text of [
    "javascript:alert(1)",
    "data:text/html,x",
    "JaVaScRiPt://x%0aalert(1)",
    "vbscript:x",
    "file:///etc/passwd",
  ]) {
    assert.deepEqual(links(text), [], text);
  }
  for (const [, href] of links('https://a.example"onclick=x https://b.example<script>')) {
    assert.match(href ?? "", /^https:\/\/[ab]\.example\/$/);
  }
});

test("the parts make up the text", () => {
  for (const text of [
    "",
    "x",
    "a https://b.example c www.d.example, e@f.example",
    "\n\nhttps://a.example\n",
    "((((https://a.example))))",
  ]) {
    assert.equal(
      partsOf(text)
        .map((p) => p.text)
        .join(""),
      text,
    );
  }
});

test("a long text without an end takes no long time", () => {
  const began = performance.now();
  partsOf("a".repeat(10_000));
  partsOf("a.".repeat(5000));
  partsOf(`https://${"(".repeat(9000)}`);
  partsOf(`https://a.example/${")".repeat(1900)}`.repeat(5));
  assert.ok(performance.now() - began < 1000);
});
