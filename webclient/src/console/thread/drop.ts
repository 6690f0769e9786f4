import { useState } from "preact/hooks";

/** Files dragged over an element; `over` while they are. Without `take` they are not wanted. */
export function useDrop(take: ((files: File[]) => void) | null) {
  const [over, setOver] = useState(false);
  const wanted = (e: DragEvent) => take !== null && (e.dataTransfer?.types.includes("Files") ?? false);
  return {
    over: over && take !== null,
    onDragOver: (e: DragEvent) => {
      if (!wanted(e)) return;
      e.preventDefault();
      setOver(true);
    },
    onDragLeave: (e: DragEvent) => {
      const box = e.currentTarget;
      if (box instanceof Node && e.relatedTarget instanceof Node && box.contains(e.relatedTarget)) return;
      setOver(false);
    },
    onDrop: (e: DragEvent) => {
      if (!wanted(e)) return;
      e.preventDefault();
      setOver(false);
      take?.([...(e.dataTransfer?.files ?? [])]);
    },
  };
}
