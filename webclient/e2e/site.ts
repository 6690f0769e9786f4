// A website that shows the widget, on an origin of its own.

import { createServer, type Server } from "node:http";

export class Site {
  /** What is put into the page: the script tag. */
  script = "";
  /** Further headers of the page. */
  headers: Record<string, string> = {};

  private constructor(
    private readonly server: Server,
    readonly origin: string,
  ) {}

  static open(): Promise<Site> {
    return new Promise((resolve) => {
      const server = createServer((_, answer) => {
        answer.setHeader("Content-Type", "text/html; charset=utf-8");
        for (const [name, value] of Object.entries(site.headers)) answer.setHeader(name, value);
        answer.end(`<!doctype html><html lang="en"><title>Shop</title><h1>Shop</h1>${site.script}</html>`);
      });
      let site: Site;
      server.listen(0, "127.0.0.1", () => {
        const a = server.address();
        site = new Site(server, `http://shop.localhost:${typeof a === "object" && a ? a.port : 0}`);
        resolve(site);
      });
    });
  }

  close(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}
