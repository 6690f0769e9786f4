import assert from "node:assert/strict";
import { test } from "node:test";
import { encode } from "uqr";
import { type Api, Problem } from "../api";
import { Links, linkOf } from "./links";
import { pathOf } from "./qr";

const LINK = {
  id: "l1",
  url: "https://gw.example.org/talk/abc",
  to: "queue/main",
  contact: { name: "Miriam Oster", email: "", phone: "" },
  subject: "Delivery 48 207",
  language: "de",
  public: false,
  revoked: false,
  expires_at: "2026-11-27T09:00:00Z",
};
const FORM = { to: "queue/main", name: " Miriam Oster ", email: "", subject: "", language: "de", ttl: "72h" };

function linksOf(json: Api["json"]): Links {
  return new Links({ json } as unknown as Api);
}

test("a link is asked for with what was filled in, and leads the list", async () => {
  const asked: unknown[] = [];
  const links = linksOf(async (...ask) => {
    asked.push(ask);
    return LINK;
  });
  await links.make(FORM);
  assert.deepEqual(asked, [
    ["POST", "/links", { to: "queue/main", language: "de", ttl: "72h", contact: { name: "Miriam Oster" } }],
  ]);
  assert.equal(links.at.value, "made");
  assert.equal(links.made.value?.url, LINK.url);
  assert.equal(links.recent.value[0]?.name, "Miriam Oster");
});

test("a wrong field is named, and what was written can be corrected", async () => {
  const links = linksOf(async () => {
    throw new Problem(400, "want an address like anna@example.org", "contact.email");
  });
  await links.make({ ...FORM, email: "anna@" });
  assert.deepEqual(links.wrong.value, { detail: "want an address like anna@example.org", field: "contact.email" });
  assert.equal(links.at.value, "writing");
});

test("the list goes on where the page before ended", async () => {
  const paths: string[] = [];
  const links = linksOf(async (_, path) => {
    paths.push(path);
    return path.includes("cursor") ? { links: [{ ...LINK, id: "l2" }], cursor: "" } : { links: [LINK], cursor: "p2" };
  });
  await links.load();
  await links.load(true);
  assert.deepEqual(paths, ["/links?limit=20", "/links?limit=20&cursor=p2"]);
  assert.deepEqual(
    links.recent.value.map((l) => l.id),
    ["l1", "l2"],
  );
});

test("a revoked link stays in the list as such; one that could not be revoked does not", async () => {
  let refuse = true;
  const links = linksOf(async (method) => {
    if (method === "GET") return { links: [LINK], cursor: "" };
    if (refuse) throw new Problem(403, "not yours");
    return undefined;
  });
  await links.load();
  await links.revoke("l1");
  assert.equal(links.recent.value[0]?.revoked, false);
  assert.equal(links.wrong.value?.detail, "not yours");
  refuse = false;
  await links.revoke("l1");
  assert.equal(links.recent.value[0]?.revoked, true);
});

test("what is no link is left out", () => {
  assert.deepEqual(linkOf({ id: "x" }), []);
  assert.deepEqual(linkOf("x"), []);
});

test("the path of a QR code covers each dark square once", () => {
  const { data } = encode(LINK.url, { ecc: "M", border: 2 });
  const dark = data.flat().filter(Boolean).length;
  const drawn = [...pathOf(data).matchAll(/h(\d+)v1/g)].reduce((n, m) => n + Number(m[1]), 0);
  assert.equal(drawn, dark);
  assert.equal(pathOf([[true, true, false, true]]), "M0 0h2v1H0zM3 0h1v1H3z");
});
