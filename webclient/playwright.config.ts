// Real Chromium against real gateways. Each test file starts its own, on ports of its own.
import { defineConfig } from "@playwright/test";

const meetings = /\/meet[a-z]*\.spec\.ts$/;

export default defineConfig({
  testDir: "e2e",
  timeout: 120_000,
  expect: { timeout: 30_000 },
  fullyParallel: false,
  // Two files at a time, also on 2 cores: most of a test is waiting. Four people who send and show video are not: they
  // come last and have the machine for themselves.
  workers: 2,
  projects: [
    { name: "pages", testIgnore: meetings },
    { name: "meetings", testMatch: meetings, dependencies: ["pages"], workers: 1 },
  ],
  forbidOnly: true,
  retries: 0,
  reporter: [["list"]],
  use: {
    locale: "en-GB",
    timezoneId: "Europe/Berlin",
    trace: "retain-on-failure",
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--font-render-hinting=none",
        "--force-color-profile=srgb",
        // A microphone that beeps, granted where a context has the permission.
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        "--autoplay-policy=no-user-gesture-required",
      ],
    },
  },
});
