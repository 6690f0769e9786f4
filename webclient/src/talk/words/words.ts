import type { CallTexts } from "../../widget/texts/call-en";
import type { Texts } from "../../widget/texts/en";
import type { TalkTexts } from "../texts/en";

/** All texts of one language. */
export interface Words {
  talk: TalkTexts;
  call: CallTexts;
  chat: Texts;
}
