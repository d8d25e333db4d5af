"""Open napari with the sample movie and the Train dock (``make napari``)."""

import napari

if __name__ == "__main__":
    viewer = napari.Viewer()
    viewer.open_sample("napari-morphocast", "tissue")
    viewer.window.add_plugin_dock_widget("napari-morphocast", "Train")
    napari.run()
