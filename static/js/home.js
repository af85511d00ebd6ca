/** Home: the star that a slider makes fainter, where the results have one. */

if (document.getElementById("home-data")) await import("./fading.js");
