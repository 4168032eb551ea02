// d3-zoom brings transitions, and with them colours and interpolation, which the map never uses. The bundle takes
// these in their place.
import { selection } from "d3-selection";

export const interrupt = () => {};
export const interpolateZoom = () => () => [0, 0, 1];
// d3-zoom asks a selection to end its transitions, of which there are none.
selection.prototype.interrupt ??= function none() {
  return this;
};
