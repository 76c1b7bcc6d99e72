"""How QGIS shows maps of classes: colors and names beside a raster, and in a layer of polygons."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import quoteattr

from network.datasets.catalog import DatasetSpec

_RASTER = """<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology">
  <pipe>
    <rasterrenderer type="paletted" band="1" opacity="1" alphaBand="-1" nodataColor="">
      <rasterTransparency/>
      <colorPalette>
{}
      </colorPalette>
    </rasterrenderer>
    <brightnesscontrast brightness="0" contrast="0"/>
    <huesaturation saturation="0" grayscaleMode="0"/>
    <rasterresampler maxOversampling="2"/>
  </pipe>
  <blendMode>0</blendMode>
</qgis>
"""

_POLYGONS = """<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology">
  <renderer-v2 type="categorizedSymbol" attr="class" symbollevels="0" enableorderby="0">
    <categories>
{}
    </categories>
    <symbols>
{}
    </symbols>
  </renderer-v2>
  <blendMode>0</blendMode>
</qgis>
"""
_SYMBOL = """      <symbol type="fill" name="{index}" alpha="1">
        <layer class="SimpleFill" enabled="1" pass="0">
          <prop k="color" v="{color},255"/>
          <prop k="outline_style" v="no"/>
          <prop k="style" v="solid"/>
        </layer>
      </symbol>"""


def write_raster_style(path: Path, spec: DatasetSpec) -> None:
    """Write the style of a map of classes, ``NAME.qml`` beside ``NAME.tif``."""
    entries = [
        f'        <paletteEntry value="{index}" label={quoteattr(name)} '
        f'color="#{bytes(color).hex()}" alpha="255"/>'
        for index, (name, color) in enumerate(zip(spec.classes, spec.palette, strict=True))
    ]
    path.write_text(_RASTER.format("\n".join(entries)), encoding="utf-8")


def polygon_style(spec: DatasetSpec) -> str:
    """The style of polygons with an attribute ``class``."""
    categories = [
        f'      <category render="true" type="string" value={quoteattr(name)} '
        f'label={quoteattr(name)} symbol="{index}"/>'
        for index, name in enumerate(spec.classes)
    ]
    symbols = [
        _SYMBOL.format(index=index, color=",".join(map(str, color)))
        for index, color in enumerate(spec.palette)
    ]
    return _POLYGONS.format("\n".join(categories), "\n".join(symbols))
