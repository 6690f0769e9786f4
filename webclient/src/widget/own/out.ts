// The way out of an app's own browser.

/** The app's name where it says so; "" another one. Gmail and most mail programs say nothing of themselves. */
export function appOf(agent: string): string {
  const known: [RegExp, string][] = [
    [/FBAN\/Messenger|FB_IAB\/(?:Orca|MESSENGER)/i, "Messenger"],
    [/FBAN|FBAV|FB_IAB/, "Facebook"],
    [/Instagram/, "Instagram"],
    [/LinkedInApp/, "LinkedIn"],
    [/GmailApp|\bGmail\b/i, "Gmail"],
    [/GSA\//, "Google"],
    [/Outlook/, "Outlook"],
    [/TikTok/, "TikTok"],
    [/Snapchat/, "Snapchat"],
    [/Line\//, "LINE"],
    [/MicroMessenger/, "WeChat"],
  ];
  return known.find(([is]) => is.test(agent))?.[1] ?? "";
}

/** An address that the system hands to its browser; "" there is none. Android knows intents (Chrome's documentation
 * of "Android Intents with Chrome"), iPhones since iOS 17 a scheme of Safari's. */
export function wayOut(agent: string, href: string): string {
  const address = /^(https?):\/\/(.+)$/.exec(href.split("#")[0] ?? "");
  if (!address) return "";
  const [, scheme, rest] = address;
  if (/Android/.test(agent)) {
    return `intent://${rest}#Intent;scheme=${scheme};action=android.intent.action.VIEW;category=android.intent.category.BROWSABLE;end`;
  }
  const iOS = /(?:iPhone|CPU) OS (\d+)/.exec(agent);
  return iOS && Number(iOS[1]) >= 17 ? `x-safari-${scheme}://${rest}` : "";
}
