import assert from "node:assert/strict";
import { test } from "node:test";
import { brand, contrast } from "./colour";
import { pieces } from "./links";
import de from "./texts/de";
import en from "./texts/en";

const links = (text: string) => pieces(text).flatMap((p) => p.href ?? []);

test("links end where the sentence goes on", () => {
  assert.deepEqual(links("see https://a.example/b, or (http://c.example/d)."), [
    "https://a.example/b",
    "http://c.example/d",
  ]);
  assert.deepEqual(links("www.a.example/x_(y)"), ["https://www.a.example/x_(y)"]);
  assert.deepEqual(links("mail a.b@c.example."), ["mailto:a.b@c.example"]);
});

test("only the web and mail become links", () => {
  assert.deepEqual(links("javascript:alert(1) data:text/html,x file:///etc <a href=x>"), []);
});

test("no character is lost", () => {
  for (const text of ["", "plain", "https://a.example", "a https://a.example b www.c.example!", "…@x.y https://"]) {
    assert.equal(
      pieces(text)
        .map((p) => p.text)
        .join(""),
      text,
    );
  }
});

const rgb = (css: string) => (css.match(/\d+/g) ?? []).map(Number) as [number, number, number];

test("every colour is readable on light and dark", () => {
  for (const hex of ["#123a5a", "#ffffff", "#000000", "#ffee00", "#ff0000", "#777777", "#00ff88", "red", ""]) {
    for (const dark of [false, true]) {
      const { fill, ink } = brand(hex, dark);
      const surface: [number, number, number] = dark ? [19, 23, 24] : [255, 255, 255];
      assert.ok(contrast(rgb(fill), rgb(ink)) >= 4.5, `${hex}: ${fill} under ${ink}`);
      assert.ok(contrast(rgb(fill), surface) >= 3, `${hex}: ${fill} on ${surface}`);
    }
  }
});

test("a colour that is readable stays as it is", () => {
  assert.equal(brand("#123a5a", false).fill, "rgb(18 58 90)");
});

test("both languages count", () => {
  assert.equal(en.estimate(1), "Answer in about 1 minute.");
  assert.equal(de.estimate(1), "Antwort in etwa einer Minute.");
  assert.equal(en.unread(2), "2 new messages");
  assert.equal(de.unread(2), "2 neue Nachrichten");
});
