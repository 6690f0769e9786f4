import type { Switch } from "./switch";
import type { EmergencyTexts } from "./texts";

/** Why the last press came to nothing. */
export function Refusal({ sw, t }: { sw: Switch; t: EmergencyTexts }) {
  const failure = sw.failure.value;
  return (
    <p class="em-refused" role="alert" data-testid="emergency-refused">
      {failure === "forbidden" && t.forbidden}
      {failure === "other" && `${t.failed}${sw.detail.value ? ` (${sw.detail.value})` : ""}`}
    </p>
  );
}
