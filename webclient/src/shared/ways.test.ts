import assert from "node:assert/strict";
import { test } from "node:test";
import { answerFor, configOf } from "./ways";

const urls = ["turn:gw:3478?transport=udp", "turn:gw:3478?transport=tcp", "turns:gw:443?transport=tcp"];
const ice = [{ urls, username: "u", credential: "p" }];

test("each way gets its relay and no other", () => {
  for (const [way, url] of [
    ["turn-udp", urls[0]],
    ["turn-tcp", urls[1]],
    ["turn-tls", urls[2]],
  ] as const) {
    const c = configOf(way, ice);
    assert.equal(c.iceTransportPolicy, "relay");
    assert.deepEqual(c.iceServers, [{ urls: [url], username: "u", credential: "p" }]);
  }
  assert.deepEqual(configOf("udp", ice).iceServers, []);
  assert.equal(configOf("tcp", ice).iceTransportPolicy, undefined);
  assert.deepEqual(configOf("turn-tls", [{ ...ice[0], urls: null }] as never).iceServers, []);
});

test("an answer keeps the addresses of the way", () => {
  const udp = "a=candidate:1 1 udp 2130706431 203.0.113.7 7881 typ host\r\n";
  const tcp = "a=candidate:2 1 tcp 1671430143 203.0.113.7 7881 typ host tcptype passive\r\n";
  const rest = "a=mid:0\r\na=end-of-candidates\r\n";
  assert.equal(answerFor("udp", udp + tcp + rest), udp + rest);
  assert.equal(answerFor("turn-tls", udp + tcp + rest), udp + rest);
  assert.equal(answerFor("tcp", udp + tcp + rest), tcp + rest);
});
