// d3-zoom brings transitions, and with them colours and interpolation, which the map never uses. The bundle takes
// these in their place.
export const interrupt = () => {};
export const interpolateZoom = () => () => [0, 0, 1];
