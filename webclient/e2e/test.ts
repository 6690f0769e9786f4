// Playwright's test, which closes what it opened: a page that is left open goes on reconnecting to a gateway that
// is gone, and a hundred of them leave no time for the test under way.

import { test as base } from "@playwright/test";

export const test = base.extend<{ tidy: undefined }>({
  tidy: [
    async ({ browser }, use) => {
      await use(undefined);
      await Promise.all(browser.contexts().map((c) => c.close()));
    },
    { auto: true },
  ],
});
