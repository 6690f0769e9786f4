// The console's picture in the tab: a bell, with a dot while something rings or is new.

export type Look = "calm" | "unread" | "ring";

export function favicon(look: Look): void {
  const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
  if (!link || link.dataset.look === look) return;
  link.dataset.look = look;
  const dot = {
    calm: "",
    unread: '<circle cx="25" cy="7" r="7" fill="#0a5f73"/>',
    ring: '<circle cx="25" cy="7" r="7" fill="#0b7a55"/>',
  }[look];
  link.href = `data:image/svg+xml,${encodeURIComponent(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path d="M4 22a12 12 0 0 1 24 0v2H4z" fill="#5b6a6e"/><path d="M2 27h28" stroke="#5b6a6e" stroke-width="3"/>${dot}</svg>`,
  )}`;
}
