// Where this page is open, as far as it matters for the microphone: said by the user agent, because nothing else
// tells. A wrong guess only gives a worse hint.

/** Whose way of allowing the microphone is described. */
export type Browser = "chrome" | "firefox" | "safari" | "iphone" | "android";

export function browserOf(agent: string): Browser {
  if (/iPhone|iPad/.test(agent)) return "iphone";
  if (/Android/.test(agent)) return "android";
  if (/Firefox\//.test(agent)) return "firefox";
  return /Safari\//.test(agent) && !/Chrom/.test(agent) ? "safari" : "chrome";
}

/** A browser inside an app (Facebook, Instagram, LinkedIn, mail): most do not hand on the microphone. */
export function inApp(agent: string): boolean {
  return (
    /FBAN|FBAV|FB_IAB|Instagram|LinkedInApp|GSA\/|Outlook|MicroMessenger|Line\/|Snapchat|TikTok|Twitter/.test(agent) ||
    /Android.*; wv\)/.test(agent) ||
    // The real browsers of iPhones all say Safari; a web view does not.
    (/iPhone|iPad/.test(agent) && !/Safari\//.test(agent))
  );
}
