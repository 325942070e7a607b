"""Training a lifter: the GAN that learns depth from 2D, and the student that is distilled from it.

Nothing here is needed to lift with a trained lifter.
"""
