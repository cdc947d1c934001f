"""What operators watch and deploy: rules, dashboards, images and scripts, against the real tools."""
