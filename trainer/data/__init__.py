"""From a data set on disk to clips on a device: annotations, exact frames, a cache of them, batches, augmentation."""
