import { useState } from "preact/hooks";

/** Files dragged over an element; `over` while they are. Without `take` they are not wanted. */
export function useDrop(take: ((files: File[]) => void) | null) {
  const [over, setOver] = useState(false);
  const files = (e: DragEvent) => e.dataTransfer?.types.includes("Files") ?? false;
  return {
    over: over && take !== null,
    onDragOver: (e: DragEvent) => {
      if (!files(e) || !e.dataTransfer) return;
      // Where none are wanted the browser must not open them in place of the console.
      e.preventDefault();
      if (take) setOver(true);
      else e.dataTransfer.dropEffect = "none";
    },
    onDragLeave: (e: DragEvent) => {
      const box = e.currentTarget;
      if (box instanceof Node && e.relatedTarget instanceof Node && box.contains(e.relatedTarget)) return;
      setOver(false);
    },
    onDrop: (e: DragEvent) => {
      if (!files(e)) return;
      e.preventDefault();
      setOver(false);
      take?.([...(e.dataTransfer?.files ?? [])]);
    },
  };
}
